package DMP::Net;

# More than one of each: stores that follow each other, gateways beside the
# test's own, sentinels, and networks between them that can fail.
#
#   my $first = DMP::Net::Store->new;
#   my $second = DMP::Net::Store->new(follows => $first);
#   $first->prepare({ ins => ... });         dmpctl init and record import
#   my $gateway = DMP::Net::Gateway->new(redis => $first->address);
#   request(port => $gateway->{tls}, ...)
#
# All of it listens on 127.0.0.1, or in a network namespace of its own.

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();

use DMP ();
use DMP::NetFaults ();
use DMP::Proc qw(root dir wait_for slurp free_port);
use DMP::Redis ();

our @EXPORT_OK = qw(log_mark said why health_of parallel server_program
    saved put_back HEALTH);

use constant HEALTH => 'location = /health { dmp_health; }'
    . ' location = /metrics { dmp_metrics; }';


# ------------------------------------------------------- what a gateway says

sub log_mark
{
    my ($file) = @_;

    return -s ($file // DMP::error_log()) // 0;
}


# The lines about the store since then: "unavailable: ...", "available again".
sub said
{
    my ($from, $file) = @_;

    my $log = substr slurp($file // DMP::error_log()), $from;

    return $log =~ /dmp store is ((?:unavailable: |available again)[^\n]*?)(?:, client: [^\n]*)?\n/g;
}


# What dmp_health answers; "status" is that of HTTP.
sub health_of
{
    my ($port) = @_;

    my $r = DMP::request(get => '/health', seconds => 5,
        $port ? (port => $port) : ());

    die "dmp_health: no JSON: $r->{status} $r->{body} $r->{error}\n"
        if ref $r->{json} ne 'HASH';

    return { %{ $r->{json} }, status => $r->{status} };
}


# All reasons that it gives, in one line.
sub why
{
    my ($port) = @_;

    return join ' | ', reasons(health_of($port));
}


sub reasons
{
    my ($value) = @_;

    return map { reasons($_) } @$value if ref $value eq 'ARRAY';
    return () if ref $value ne 'HASH';

    return map {
        ref $value->{$_} ? reasons($value->{$_})
            : $_ eq 'why' && length($value->{$_} // '') ? $value->{$_} : ()
    } sort keys %$value;
}


# As many requests at once over one connection of HTTP/2, or over several;
# the statuses.
sub parallel
{
    my ($n, %o) = @_;

    my $pki = DMP::pki();
    my $port = $o{port} // DMP::tls_port();
    my $out = dir() . '/parallel.out';
    my @url = map { ('--output', '/dev/null',
        "https://127.0.0.1:$port$o{get}") } 1 .. $n;

    unlink $out;

    my $pid = DMP::Proc::start('curl', $out, 'curl', '-q', '--silent',
        '--globoff', '--parallel', '--parallel-immediate',
        '--parallel-max', $n, '--max-time', 20, '--noproxy', '*',
        '--http' . ($o{http} // 2), '--cacert', "$pki/server-ca.pem",
        '--cert', "$pki/$o{as}.pem", '--key', "$pki/$o{as}.key",
        '--write-out', '%{http_code}\n', @url);

    waitpid $pid, 0;

    return slurp($out) =~ /^(\d{3})$/mg;
}


sub server_program
{
    my ($program) = grep { -x } map {
        my $name = $_;
        map { "$_/$name" } split /:/, $ENV{PATH}
    } qw(redis-server valkey-server);

    return $program // 'redis-server';
}


# ------------------------------------------------------------------- a store

# All keys of a pattern of a world's store as they are, to be put back.
sub saved
{
    my ($self, $pattern) = @_;

    return { pattern => $pattern, map { $_ => $self->{store}->call('DUMP', $_) }
        @{ $self->{store}->call('KEYS', $pattern) } };
}


# At one instant, as a store that was restored.
sub put_back
{
    my ($self, $saved) = @_;

    my %keys = %$saved;
    my $pattern = delete $keys{pattern};
    my $store = $self->{store};
    my @gone = grep { !exists $keys{$_} } @{ $store->call('KEYS', $pattern) };

    $store->call('MULTI');
    $store->call('DEL', @gone) if @gone;
    $store->call('RESTORE', $_, 0, $keys{$_}, 'REPLACE') for CORE::keys %keys;
    $store->call('EXEC');
}


package DMP::Net::Store;

use strict;
use warnings;

use DMP::Proc qw(root dir wait_for slurp free_port);

my $stores = 0;


#   follows    the store whose replica it is
#   settings   more words for its command line
#   host       address to listen on, where it is not 127.0.0.1
#   inside     a DMP::Net::Namespace it runs in
sub new
{
    my ($class, %o) = @_;

    my $self = bless { host => '127.0.0.1', settings => [], %o,
        port => free_port(), dir => dir() . '/store' . ++$stores }, $class;

    mkdir $self->{dir} or die "$self->{dir}: $!\n";
    $self->start;

    return $self;
}


sub address { "$_[0]{host}:$_[0]{port}" }


# Its process; it may have to read its files first.
sub launch
{
    my ($self, @more) = @_;

    my $first = $self->{follows};

    $self->{pid} = DMP::Proc::start('a store', "$self->{dir}/log",
        ($self->{inside} ? $self->{inside}->command : ()),
        DMP::Net::server_program(), '--bind', $self->{host},
        '--port', $self->{port}, '--dir', $self->{dir}, '--save', '',
        '--protected-mode', 'no',
        '--appendonly', 'yes', '--appendfsync', 'always',
        '--no-appendfsync-on-rewrite', 'no',
        '--maxmemory-policy', 'noeviction',
        '--repl-diskless-sync-delay', 0, '--repl-ping-replica-period', 1,
        ($first ? ('--replicaof', $first->{host}, $first->{port}) : ()),
        @{ $self->{settings} }, @more);
}


sub start
{
    my ($self, @more) = @_;

    $self->launch(@more);

    wait_for {
        DMP::Proc::alive($self->{pid}) or die "the store ended: "
            . slurp("$self->{dir}/log");
        eval { $self->call('PING') eq 'PONG' };
    } "the store (see $self->{dir}/log)", 30;

    return $self;
}


# One command; dies on an error reply.  A connection that was lost is made
# anew, and the command is not sent again.
sub call
{
    my ($self, @command) = @_;

    $self->{client} //= DMP::Redis->connect($self->address)
        or die "cannot reach the store\n";

    my $answer = eval { $self->{client}->call(@command) };

    if (my $why = $@) {
        delete $self->{client} if $why !~ /^redis: [A-Z]+ /;
        die $why;
    }

    return $answer;
}


sub info
{
    my ($self, $section, $name) = @_;

    my ($value) = $self->call('INFO', $section) =~ /^\Q$name\E:([^\r\n]*)/m;

    return $value;
}


sub freeze { kill 'STOP', $_[0]{pid} }
sub thaw { kill 'CONT', $_[0]{pid} }


sub stop
{
    my ($self, $signal) = @_;

    delete $self->{client};
    DMP::Proc::stop($self->{pid}, $signal);
}


# Returns when it has all that the other one has.
sub wait_in_step
{
    my ($self) = @_;

    my $first = $self->{follows};

    wait_for {
        ($self->info('replication', 'master_link_status') // '') eq 'up'
            && $self->info('replication', 'slave_repl_offset')
                >= $first->info('replication', 'master_repl_offset');
    } 'the replica to be in step', 20;

    return $self;
}


# The tools that write, with the test's keys.
sub tool
{
    my ($self, @command) = @_;

    return DMP::dmpctl(@command, '--redis', $self->address);
}


sub prepare
{
    my ($self, @records) = @_;

    $self->tool('init');
    $self->import_records(@records);

    return $self;
}


sub import_records
{
    my ($self, @records) = @_;

    my $file = "$self->{dir}/records.jsonl";
    my $keys = DMP::keys();

    open my $out, '>:utf8', $file or die "$file: $!\n";
    print $out map { JSON::PP->new->encode($_) . "\n" } @records;
    close $out or die "$file: $!\n";

    return $self->tool('record', 'import', $file,
        '--record-key', "$keys/record.key", '--audit-key', "$keys/audit.key",
        '--pseudonym-key', "$keys/pseudonym.key", '--node', 'import');
}


# What "dmpctl audit verify" says, and its exit code.
sub verify
{
    my ($self, @more) = @_;

    my $out = "$self->{dir}/verify.out";

    unlink $out;

    my $pid = DMP::Proc::start('verify', $out, root() . '/build/dmpctl',
        'audit', 'verify', '--redis', $self->address,
        '--audit-public-key', DMP::keys() . '/audit.pub', @more);

    waitpid $pid, 0;

    return ($? >> 8, slurp($out));
}


sub streams
{
    my ($self) = @_;

    return sort @{ $self->call('KEYS', '{dmp:*}:trace') };
}


# Where the trace ends now.
sub mark
{
    my ($self) = @_;

    return { map {
        my $last = $self->call('XREVRANGE', $_, '+', '-', 'COUNT', 1);
        $_ => @$last ? $last->[0][0] : '0-0';
    } $self->streams };
}


# The entries since then, oldest first: body, text (its bytes), outcome, id
# and stream of each; of the kinds that match.
sub entries
{
    my ($self, $mark, $kinds) = @_;

    my @entries;

    for my $key ($self->streams) {
        my $from = '(' . ($mark && $mark->{$key} // '0-0');

        for my $item (@{ $self->call('XRANGE', $key, $from, '+') }) {
            my ($id, %field) = ($item->[0], @{ $item->[1] });
            my $body = DMP::entry_body($field{b});

            next if defined $kinds && $body->{kind} !~ $kinds;

            push @entries, { id => $id, stream => $key, body => $body,
                text => $field{b}, outcome => $field{o} };
        }
    }

    return sort { DMP::order($a->{id}) cmp DMP::order($b->{id}) } @entries;
}


# Every access that was let through has its end, or is listed as abandoned:
# those for which this is not so.
sub unaccounted
{
    my ($self, $mark) = @_;

    my (%open, %closed);

    for my $e ($self->entries($mark, qr/^(?:access|outcome)$/)) {
        my $b = $e->{body};

        $open{ $b->{trace} } = 1 if $b->{kind} eq 'access'
            && $b->{decision} eq 'allow' && $e->{outcome} eq '1';
        $closed{$_} = 1 for @{ $b->{abandoned} // [] },
            map { $_->{trace} } @{ $b->{outcomes} // [] };
    }

    return grep { !$closed{$_} } keys %open;
}


sub abandoned
{
    my ($self, $mark) = @_;

    return map { @{ $_->{body}{abandoned} // [] } }
        $self->entries($mark, qr/^outcome$/);
}


# ----------------------------------------------------------------- a gateway

package DMP::Net::Gateway;

use strict;
use warnings;

use DMP::Proc qw(root dir wait_for slurp free_port);

my $gateways = 0;


# The arguments of DMP::config(), and
#   workers   1
#   serves    0: it is not waited for
#   inside    a DMP::Net::Namespace it runs in
sub new
{
    my ($class, %o) = @_;

    my %own = map { $_ => delete $o{$_} } grep { exists $o{$_} }
        qw(workers inside serves);
    my $self = bless { workers => 1, %own, tls => free_port(),
        dir => dir() . '/gateway' . ++$gateways }, $class;

    mkdir $self->{dir} or die "$self->{dir}: $!\n";
    $self->{log} = "$self->{dir}/error.log";

    my $http = DMP::config(server => DMP::Net::HEALTH,
        node => "gateway$gateways", %o);
    my $tls = DMP::tls_port();

    $http =~ s/\b127\.0\.0\.1:$tls\b/127.0.0.1:$self->{tls}/g;
    $self->write_configuration($http);
    $self->start;

    return $self;
}


sub write_configuration
{
    my ($self, $http) = @_;

    my $folder = $self->{dir};
    my $module = $ENV{TEST_NGINX_LOAD_MODULES}
        ? "load_module $ENV{TEST_NGINX_LOAD_MODULES};" : '';
    my $user = $> == 0 ? 'user root;' : '';

    open my $out, '>', "$folder/nginx.conf" or die "$folder: $!\n";
    print $out <<"END";
$module
$user
daemon off;
master_process on;
worker_processes $self->{workers};
pid $folder/nginx.pid;
error_log $folder/error.log info;
events { worker_connections 512; }
http {
    access_log $folder/access.log;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    keepalive_requests 1000000;
$http
}
END
    close $out or die "$folder: $!\n";
}


sub start
{
    my ($self) = @_;

    my $folder = $self->{dir};

    $self->{pid} = DMP::Proc::start('a gateway', "$folder/out",
        ($self->{inside} ? $self->{inside}->command : ()),
        $ENV{TEST_NGINX_BINARY}, '-p', "$folder/", '-c',
        "$folder/nginx.conf", '-e', "$folder/error.log");

    wait_for {
        DMP::Proc::alive($self->{pid}) or die 'the gateway ended: '
            . slurp("$folder/out") . slurp("$folder/error.log");
        $self->workers == $self->{workers};
    } 'a gateway', 20;

    return $self;
}


sub workers
{
    my ($self) = @_;

    return split ' ', slurp("/proc/$self->{pid}/task/$self->{pid}/children");
}


sub stop
{
    my ($self, $signal) = @_;

    DMP::Proc::stop($self->{pid}, $signal // 'QUIT');
}

1;
