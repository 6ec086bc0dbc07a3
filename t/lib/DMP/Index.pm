package DMP::Index;

# For the tests of dmpctl index: running it, the names of the index made once
# more, and record hosts that answer as told, for each question on its own.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256 sha256);
use Exporter 'import';
use IO::Socket::INET;
use IO::Socket::SSL;
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use Test::More;

use DMP ();
use DMP::Proc qw(dir slurp);
use FakeHost;

our @EXPORT = qw($dmpctl $martin $durand $bernard $paoli $stranger $nobody
    $system $rc $out $err @store $keys run build_args build counts show
    pseudonym name docs_key redis doc att claim facts_there contents
    index_contents clear_index host asked stop of document bundle page empty
    learn routine cleared);

our $dmpctl = $ENV{DMPCTL} || './build/dmpctl';

our ($martin, $durand, $bernard, $paoli) =
    qw(285037512000151 172066912304538 291113306311296 168112A00405781);

# That of any document of the published examples, which has no record here.
our $stranger = '123456789012345';

our $nobody = '000000000000097';
our $system = 'urn:oid:1.2.250.1.213.1.4';

our $keys = DMP::keys();
our @store = ('--redis', DMP::redis_address(),
    '--record-key', "$keys/record.key", '--pseudonym-key', "$keys/pseudonym.key");
our ($rc, $out, $err);

my $pseudonym_key = pack 'H*', slurp("$keys/pseudonym.key") =~ s/\s//gr;


# ------------------------------------------------------------------- running

# Exit code, standard output, standard error.
sub run
{
    my @args = @_;

    my $command = join ' ', map { my $a = $_; $a =~ s/'/'\\''/g; "'$a'" }
        $dmpctl, @args;

    $out = `$command 2>@{[ dir() ]}/stderr`;
    $rc = $? >> 8;
    $err = slurp(dir() . '/stderr');

    return $rc;
}


sub build_args
{
    my ($url, @options) = @_;

    return ('index', 'build', $url, @store, '--policy', DMP::policy(),
        '--audit-key', "$keys/audit.key",
        (grep({ $_ eq '--host' } @options) ? () : ('--host', 'main')), @options);
}


# Builds, and returns what it reported; of the exit code it is asked for.
sub build
{
    my ($want, $url, @options) = @_;

    run(build_args($url, @options), '--json');
    is $rc, $want, "exit code $want" or diag $err;

    unlike $err . $out, qr/$_/, 'no INS is printed'
        for grep { index($err . $out, $_) >= 0 } $martin, $durand, $bernard,
            $paoli, $nobody;

    return $out =~ /^\{/ ? decode_json($out) : {};
}


sub counts
{
    my ($report, %want) = @_;

    my %got = map { $_ => $report->{$_} } keys %want;

    is_deeply \%got, \%want, 'reported' or diag explain $report;
}


# What index show prints; undef if the answer is no.
sub show
{
    my ($what, @options) = @_;

    my %given = @options;

    run('index', 'show', $what, @store, '--json',
        ($given{'--host'} ? () : ('--host', 'main')), @options);

    return $rc == 0 ? decode_json($out) : undef;
}


# --------------------------------------------- names, made here once more

sub pseudonym { encode_base64url(substr hmac_sha256($_[0], $pseudonym_key), 0, 16) }


sub name
{
    my ($resource, $host) = @_;

    return encode_base64url(substr hmac_sha256(
        join("\0", 'dmp-index', $host // 'main', $resource), $pseudonym_key), 0, 16);
}


sub docs_key
{
    my ($ins) = @_;

    my $p = pseudonym($ins);

    return sprintf '{dmp:%02d}:docs:%s', ord(sha256($p)) % 64, $p;
}


sub redis { DMP::redis(@_) }
sub doc { redis('GET', 'dmp:doc:' . name("DocumentReference/$_[0]", $_[1])) }
sub att { [sort @{ redis('SMEMBERS', 'dmp:att:' . name($_[0])) }] }
sub claim { pseudonym($_[0]) . ':' . name("DocumentReference/$_[1]") }


sub facts_there
{
    my ($ins, $id) = @_;

    return redis('HEXISTS', docs_key($ins), name("DocumentReference/$id"));
}


# Every key of a kind and its value, to compare.
sub contents
{
    my ($pattern) = @_;

    my %all;

    for my $key (@{ redis('KEYS', $pattern) }) {
        my $type = redis('TYPE', $key);

        $all{$key} = $type eq 'hash' ? { @{ redis('HGETALL', $key) } }
            : $type eq 'set' ? [sort @{ redis('SMEMBERS', $key) }]
            : $type eq 'stream' ? redis('XRANGE', $key, '-', '+')
            : $type eq 'list' ? redis('LRANGE', $key, 0, -1)
            : redis('GET', $key);
    }

    return \%all;
}


sub index_contents
{
    return { map { %{ contents($_) } } 'dmp:doc:*', 'dmp:att:*', '{dmp:*}:docs:*' };
}


sub clear_index
{
    redis('DEL', $_) for keys %{ index_contents() };
}


# ------------------------------------------------------------ scripted hosts

# host([[REGEX, STEPS], …]): the first that the target fits answers, with one
# of FakeHost's lists; an empty search if none does.  A function is given the
# port, and returns the list.  Each connection is for one request.
my $hosts = 0;

sub host
{
    my ($answers, %tls) = @_;

    my $log = dir() . '/host-' . ++$hosts;
    my $listen = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1',
        LocalPort => 0) or die "host: $!\n";
    my $port = $listen->sockport;

    $answers = $answers->($port) if ref $answers eq 'CODE';

    my $pid = DMP::Proc::start('the scripted host', "$log.log", sub {
        local $SIG{PIPE} = 'IGNORE';

        while (my $client = $listen->accept) {
            converse($client, $answers, $log, %tls);
            close $client;
        }
    });

    return { url => (%tls ? 'https' : 'http') . "://127.0.0.1:$port/fhir",
        log => $log, pid => $pid };
}


sub converse
{
    my ($client, $answers, $log, %tls) = @_;

    if (%tls) {
        IO::Socket::SSL->start_SSL($client, %tls) or return;
    }

    my $in = '';

    while ($in !~ /\r\n\r\n/) {
        sysread $client, $in, 65536, length $in or return;
    }

    my ($target) = $in =~ /^GET (\S+) / or return;

    open my $file, '>>:raw', $log or return;
    syswrite $file, "$in\0";

    my ($found) = grep { $target =~ $_->[0] } @$answers;

    # the connection ends after each answer
    for my $step (@{ $found ? $found->[1] : empty() }) {
        my ($what, $value) = @$step;

        last if $what ne 'send';

        $value =~ s/\r\n/\r\nConnection: close\r\n/ if $value =~ /^HTTP/;

        while (length $value) {
            my $n = syswrite $client, $value or return;
            substr $value, 0, $n, '';
        }
    }
}


sub asked { map { /^GET (\S+)/ } split /\0/, slurp($_[0]{log}) }
sub stop { DMP::Proc::stop($_[0]{pid}) }


sub of { my ($ins) = @_; return qr/identifier=[^&]*%7C$ins/ }


sub document
{
    my ($id, %o) = @_;

    return {
        resourceType => 'DocumentReference', id => $id, status => 'current',
        ($o{unnamed} ? (subject => { reference => 'Patient/1' }) : ()),
        ($o{ins} ? (subject => { reference => "Patient?identifier=$system.8|$o{ins}" }) : ()),
        ($o{label} ? (securityLabel => [{ coding => [{
            system => 'https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument',
            code => $o{label} }] }]) : ()),
        content => [map +{ attachment => { contentType => 'text/plain', url => $_ } },
            @{ $o{urls} // ["Binary/$id"] }],
    };
}


sub bundle
{
    my ($entries, %o) = @_;

    return encode_json({
        resourceType => 'Bundle', type => 'searchset', total => scalar @$entries,
        ($o{next} ? (link => [{ relation => 'self', url => 'x' },
            { relation => 'next', url => $o{next} }]) : ()),
        entry => [map +{ resource => $_ }, @$entries],
    });
}


sub page { FakeHost::json(bundle(@_)) }
sub empty { FakeHost::json('{"resourceType":"Bundle","type":"searchset","total":0}') }


# Builds with such a host, which must do.
sub learn
{
    my ($answers, @options) = @_;

    my $host = host($answers);
    my $report = build(0, $host->{url}, @options);

    stop($host);

    return $report;
}


# The same, which takes no claim out, whatever the host says.
sub routine
{
    my ($answers, @options) = @_;

    my $before = contents('dmp:att:*');
    my $report = learn($answers, @options);

    is $report->{claims_removed}, 0, 'no claim was removed';

    my @lost;

    for my $key (keys %$before) {
        my %now = map { $_ => 1 } @{ redis('SMEMBERS', $key) };

        push @lost, map { "$key $_" } grep { !$now{$_} } @{ $before->{$key} };
    }

    is_deeply \@lost, [], 'all claims stand';

    return $report;
}


# By an operator who has looked.
sub cleared { learn(@_, '--clear-claims') }

1;
