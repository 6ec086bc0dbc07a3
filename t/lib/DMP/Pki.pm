package DMP::Pki;

# The test PKI of t/lib/pki.sh: the one that all tests share, which no test
# changes, and copies for tests that revoke, issue and let lists grow old.

use strict;
use warnings;

use DMP::Proc qw(root wait_for slurp free_port);

my ($shared, $copies);


# The one in build/, made anew when what makes it has changed.
sub shared
{
    my ($class) = @_;

    if (!defined $shared) {
        my $self = bless { dir => root() . '/build/pki' }, $class;

        $self->make;
        $shared = $self;
    }

    return $shared;
}


# A copy of all of it in the test's own folder.
sub copy
{
    my ($class) = @_;

    my $from = $class->shared->dir;
    my $self = bless {
        dir => DMP::Proc::dir() . '/pki' . ($copies++ || '')
    }, $class;

    run('cp', '-rp', $from, $self->dir);

    return $self;
}


# From here on it is this one that the test's nginx and its clients have.
sub share
{
    my ($self) = @_;

    return $shared = $self;
}


sub dir { $_[0]{dir} }
sub path { "$_[0]{dir}/$_[1]" }


# Runs a command of pki.sh, none to make all; dies with what it said.
sub make
{
    my ($self, @command) = @_;

    run(root() . '/t/lib/pki.sh', $self->dir, @command);
}


# Responders know it at once; the lists, with the authority's next crl.
sub revoke
{
    my ($self, $name) = @_;

    $self->make('revoke', $name);
    $self->probe($_) for keys %{ $self->{ocsp} };
}


# crl(personnes => { days => 1 }): that authority's list anew, and so for each.
#
#   last, next   its dates, YYYYMMDDHHMMSSZ
#   days, hours  until the next, when that is not given
sub crl
{
    my ($self, %wanted) = @_;

    my %option = (last => '-crl_lastupdate', next => '-crl_nextupdate',
        days => '-crldays', hours => '-crlhours');

    for my $authority (sort keys %wanted) {
        my $o = $wanted{$authority};

        $self->make('crl', $authority,
            map { ($option{$_} // die("crl: no such option: $_\n"), $o->{$_}) }
            sort keys %$o);
    }
}


# The lists of all authorities, as they are now, into crl.pem.
sub crls
{
    my ($self) = @_;

    $self->make('crls');
}


# One more leaf: issue('dupont', 'personnes', 'cps', ID => ..., SN => ...).
# The variables are those of the profile, and of leaf in pki.sh.
sub issue
{
    my ($self, $name, $authority, $profile, %variable) = @_;

    my @variables = map { "$_=$variable{$_}" } sort keys %variable;

    utf8::encode($_) for grep { utf8::is_utf8($_) } @variables;

    $self->make('leaf', $name, $authority, $profile, @variables);
    $self->probe($_) for keys %{ $self->{ocsp} };
}


# The address of a responder that signs as the authority itself, once it
# answers.  OpenSSL's listens on all addresses, whatever one wishes.
sub ocsp
{
    my ($self, $authority) = @_;

    return $self->{ocsp}{$authority}{url} if $self->{ocsp}{$authority};

    my $port = free_port();
    my $log = $self->path("ocsp-$authority.log");
    my $crt = $self->path("$authority.crt");

    my $pid = DMP::Proc::start("the responder of $authority", $log,
        'openssl', 'ocsp', '-port', $port, '-CA', $crt, '-rsigner', $crt,
        '-index', $self->path("ca/$authority/index.txt"),
        '-rkey', $self->path("ca/$authority.key"), '-ndays', 1);

    $self->{ocsp}{$authority} = {
        pid => $pid, url => "http://127.0.0.1:$port/"
    };

    wait_for {
        DMP::Proc::alive($pid) or die 'the responder ended: ' . slurp($log);
        eval { $self->probe($authority) };
    } "an answer of the responder (see $log)";

    return $self->{ocsp}{$authority}{url};
}


# A question whose answer nobody wants: a responder looks at its index after
# it has answered, so that what has changed takes effect one question later.
sub probe
{
    my ($self, $authority) = @_;

    return run(qw(openssl ocsp -noverify -issuer),
        $self->path("$authority.crt"),
        qw(-serial 1 -url), $self->ocsp($authority));
}


sub stop_ocsp
{
    my ($self, $authority) = @_;

    my $ocsp = delete $self->{ocsp}{$authority} or return;

    DMP::Proc::stop($ocsp->{pid});
}


# What a responder says of a certificate: good, revoked, unknown, or nothing.
sub ask
{
    my ($self, $name, $authority, $url) = @_;

    my $crt = $self->path("$name.crt");

    my $said = eval {
        run('openssl', 'ocsp', '-issuer', $self->path("$authority.crt"),
            '-cert', $crt, '-CAfile', $self->path('clients-ca.pem'),
            '-url', $url // $self->ocsp($authority));
    } // return '';

    return $said =~ /^Response verify OK$/m && $said =~ /\Q$crt\E: (\w+)/
        ? $1 : '';
}


# Runs a program and returns what it printed; dies when it fails.
sub run
{
    my @command = @_;

    my $log = DMP::Proc::dir() . '/pki.out';

    unlink $log;

    my $pid = DMP::Proc::start($command[0], $log, @command);

    waitpid $pid, 0;

    die "@command: exit " . ($? >> 8) . "\n" . slurp($log) if $? != 0;

    return slurp($log);
}

1;
