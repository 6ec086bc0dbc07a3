package DMP;

# The harness of t/*.t: "use DMP;", then "DMP::run();", then blocks after
# __DATA__.  Test::Nginx writes the configuration and runs nginx; requests go
# through curl, since they need TLS with client certificates and HTTP/2.
#
# Services start when first asked for, one set per test file, in its own
# folder: Redis, the record host, the test PKI, the keys.

use strict;
use warnings;

use Carp ();
use Digest::SHA ();
use File::Path ();
use JSON::PP ();
use MIME::Base64 ();
use Time::HiRes ();

use DMP::Proc qw(root dir wait_for slurp free_port);
use DMP::Pki ();
use DMP::Redis ();
use DMP::Guard ();

my ($plain_port, $tls_port);

BEGIN {
    my $module = root() . '/build/ngx_http_dmp_module.so';

    $plain_port = free_port();
    $tls_port = free_port();

    $ENV{PATH} .= ':/usr/sbin:/sbin';
    $ENV{TEST_NGINX_BINARY} //= $ENV{DMP_NGINX} // 'nginx';
    $ENV{TEST_NGINX_LOG_LEVEL} //= 'info';
    $ENV{TEST_NGINX_FORCE_RESTART_ON_TEST} //= 0;
    $ENV{TEST_NGINX_SERVROOT} = dir() . '/nginx';
    $ENV{TEST_NGINX_CLIENT_PORT} = $plain_port;
    $ENV{TEST_NGINX_SERVER_PORT} = $plain_port;
    $ENV{TEST_NGINX_STREAM_PORT} = $plain_port;        # not used

    # an nginx given in DMP_NGINX has the module inside
    if (!$ENV{DMP_NGINX} && -e $module) {
        $ENV{TEST_NGINX_LOAD_MODULES} = $module;
    }
}

use Test::Nginx::Socket ();
use Test::More ();
use DMP::Block ();

my @exported = qw(config request request_raw redis redis_address backend
    backend_address backend_log trace trace_mark
    import_records import_directory verify_trace dmpctl pki keys policy reload
    nginx_pid worker_pids tls_port plain_port wait_for slurp guard);

my %default;
my ($redis, $redis_pid, $backend, $backend_pid, $initialised);
my $guard = DMP::Guard->new(error_log());


# Gives the caller Test::Nginx's functions as well as ours.
sub import
{
    my $caller = caller;

    no strict 'refs';
    *{"${caller}::$_"} = \&{$_} for @exported;

    @_ = ('Test::Nginx::Socket');
    goto &{ Test::Nginx::Socket->can('import') };
}


sub tls_port { $tls_port }
sub plain_port { $plain_port }
sub guard { $guard }
sub error_log { dir() . '/error.log' }


# Defaults of config(), for a whole file: DMP::configure(redis => "unix:...").
sub configure
{
    %default = (%default, @_);
}


# ---------------------------------------------------------------- services

sub pki
{
    return DMP::Pki->shared->dir;
}


sub keys
{
    my $keys = dir() . '/keys';

    if (!-d $keys) {
        mkdir $keys, 0700 or die "$keys: $!\n";
        command(root() . '/build/dmpctl', 'keygen', $_, $keys)
            for qw(audit record pseudonym);
    }

    return $keys;
}


# The policy as it is shipped, with the test authorities let in.
sub policy
{
    my $policy = dir() . '/policy';

    if (!-d $policy) {
        command('cp', '-r', root() . '/conf/policy', $policy);
        rename "$policy/policy-test.json", "$policy/policy.json"
            or die "$policy: $!\n";
    }

    return "$policy/policy.json";
}


# The address, for dmp_redis; the server is started by the first to ask.
sub redis_address
{
    my $data = dir() . '/redis';

    if (!$redis_pid) {
        File::Path::make_path($data);
        start_redis();
    }

    return "unix:$data/sock";
}


sub start_redis
{
    my $data = dir() . '/redis';
    my ($program) = grep { -x } map {
        my $name = $_;
        map { "$_/$name" } split /:/, $ENV{PATH}
    } qw(redis-server valkey-server);

    $redis_pid = DMP::Proc::start('redis', "$data/log", $program // 'redis-server',
        '--port', 0, '--unixsocket', "$data/sock", '--dir', $data,
        '--save', '', '--appendonly', 'yes', '--appendfsync', 'always',
        '--no-appendfsync-on-rewrite', 'no',
        '--maxmemory-policy', 'noeviction');

    wait_for {
        my $client = DMP::Redis->connect("unix:$data/sock");
        $client && eval { $client->call('PING') eq 'PONG' };
    } "redis (see $data/log)";

    return $redis_pid;
}


# A client of that Redis: redis('GET', 'key') or redis()->call(...).
sub redis
{
    my $address = redis_address();

    $redis //= DMP::Redis->connect($address) or die "cannot reach redis\n";

    return @_ ? $redis->call(@_) : $redis;
}


# A writer's head as the store keeps it.
sub head
{
    my ($epoch, $seq, $hash) = @_;

    return "$epoch:$seq:" . MIME::Base64::encode_base64url($hash);
}


sub stop_redis
{
    DMP::Proc::stop($redis_pid, @_) if $redis_pid;
    undef $redis_pid;
    undef $redis;
}


sub backend_log { dir() . '/backend.log' }


# ADDRESS:PORT of the record host.
sub backend_address
{
    my $root = root();
    my $out = dir() . '/backend.out';

    return $backend if $backend;

    $backend_pid = DMP::Proc::start('the record host', $out, 'node',
        "$root/demo/backend/server.mjs", '--listen', '127.0.0.1:0',
        '--data', "$root/demo/backend/seed",
        '--data', "$root/t/fixtures/pdsm4dmp",
        '--data', "$root/t/fixtures/pdsm", '--log', backend_log());

    wait_for {
        DMP::Proc::alive($backend_pid)
            or die 'the record host ended: ' . slurp($out);
        ($backend) = slurp($out) =~ m{^ready http://(\S+?)/?$}m;
    } "the record host (see $out)", 30;

    return $backend;
}


sub stop_backend
{
    DMP::Proc::stop($backend_pid) if $backend_pid;
    undef $backend_pid;
    undef $backend;
}


# What the record host received: one hash per request, in order.
sub backend
{
    return map { JSON::PP::decode_json($_) } split /\n/, slurp(backend_log());
}


# ------------------------------------------------------------ dmpctl, trace

# Runs a program of ours and returns what it printed; dies when it fails.
sub command
{
    my @command = @_;

    my $log = dir() . '/command.out';

    unlink $log;

    my $pid = DMP::Proc::start($command[0], $log, @command);

    waitpid $pid, 0;

    die "@command: exit " . ($? >> 8) . "\n" . slurp($log) if $? != 0;

    return slurp($log);
}


sub dmpctl { command(root() . '/build/dmpctl', @_) }


sub initialise_store
{
    dmpctl('init', '--redis', redis_address()) if !$initialised++;
}


# Records as JSON lines, each a commit with its trace.
sub import_records
{
    my @records = @_;

    my $file = dir() . '/records.jsonl';
    my $keys = DMP::keys();

    initialise_store();

    open my $out, '>:utf8', $file or die "$file: $!\n";
    print $out map { (ref $_ ? JSON::PP->new->encode($_) : $_) . "\n" } @records;
    close $out or die "$file: $!\n";

    return dmpctl('record', 'import', $file, '--redis', redis_address(),
        '--record-key', "$keys/record.key", '--audit-key', "$keys/audit.key",
        '--pseudonym-key', "$keys/pseudonym.key", '--node', 'import');
}


# Changes of the directory, as JSON lines.
sub import_directory
{
    my @entries = @_;

    my $file = dir() . '/directory.jsonl';
    my $keys = DMP::keys();

    initialise_store();

    open my $out, '>:utf8', $file or die "$file: $!\n";
    print $out map { (ref $_ ? JSON::PP->new->encode($_) : $_) . "\n" } @entries;
    close $out or die "$file: $!\n";

    return dmpctl('directory', 'import', $file, '--redis', redis_address(),
        '--record-key', "$keys/record.key", '--audit-key', "$keys/audit.key",
        '--node', 'import');
}


# Dies, with the first break, unless the trace proves whole.
sub verify_trace
{
    return dmpctl('audit', 'verify', '--redis', redis_address(),
        '--audit-public-key', DMP::keys() . '/audit.pub');
}


# The same, where the test itself has put records into the store behind the
# gateways' back: that, which is seen, and nothing else.
sub verify_edited
{
    my $said = eval { verify_trace() };
    return $said if defined $said;

    open my $pipe, '-|', root() . '/build/dmpctl', 'audit', 'verify', '--json',
        '--all', '--redis', redis_address(), '--audit-public-key',
        DMP::keys() . '/audit.pub' or die "dmpctl: $!\n";
    my $out = do { local $/; <$pipe> };
    close $pipe;                             # answers 1: it is broken

    my @codes = map { $_->{code} } @{ JSON::PP::decode_json($out)->{all} };

    die "audit verify: @codes\n" if !@codes || grep { $_ ne 'version' } @codes;

    return $out;
}


# Where the trace ends now, to be given to trace() later.
sub trace_mark
{
    my %end;

    for my $key (trace_streams()) {
        my $last = redis('XREVRANGE', $key, '+', '-', 'COUNT', 1);
        $end{$key} = @$last ? $last->[0][0] : '0-0';
    }

    return \%end;
}


sub trace_streams
{
    return @{ redis('KEYS', '{dmp:*}:trace') };
}


# The entries after the mark, oldest first: body, outcome and id of each.
# Those that gateways write of themselves (epochs, checkpoints, heartbeats,
# outcomes) are left out unless their kind is asked for.
sub trace
{
    my ($mark, $kinds) = @_;

    $kinds //= qr/^(?:access|change|session|admin)$/;

    my @entries;

    for my $key (trace_streams()) {
        my $from = '(' . ($mark && $mark->{$key} // '0-0');

        for my $item (@{ redis('XRANGE', $key, $from, '+') }) {
            my ($id, %field) = ($item->[0], @{ $item->[1] });

            my $body = entry_body($field{b});

            next if $body->{kind} !~ $kinds;

            push @entries, { id => $id, stream => $key, body => $body,
                outcome => $field{o} };
        }
    }

    return sort { order($a->{id}) cmp order($b->{id}) } @entries;
}


# An entry's body; outcomes by name, and by theirs what it leaves out.
sub entry_body
{
    my $body = JSON::PP->new->utf8->decode($_[0]);

    for my $said (@{ $body->{outcomes} // [] }) {
        my %named;

        @named{qw(trace status bytes shown withheld reason)} = @$said;
        delete $named{reason} if @$said < 6;
        $said = \%named;
    }

    if ($body->{kind} =~ /^(?:access|change)$/) {
        $body->{reason} //= 'none';
        $body->{emergency} //= JSON::PP::false;
    }

    return $body;
}


sub order { sprintf '%020d-%010d', split /-/, $_[0] }


# ------------------------------------------------------------ configuration

# The http part of nginx.conf: a gateway in front of the record host.
#
#   redis, backend   addresses, when not the real ones
#   http, server, location   lines to add at that level
#   path, proxy      the location, and what its proxy_pass is to be
#   dmp, policy, durability, node   values of directives
#   locations        the whole of the server's locations, instead
sub config
{
    my %o = (
        dmp => 'on', durability => 'fsync', node => 'test', path => '/fhir/',
        proxy => 'http://record_host', http => '', server => '',
        location => '', %default, @_
    );

    $o{policy} //= policy();
    $o{backend} //= backend_address();

    if (!defined $o{redis}) {
        initialise_store();
        $o{redis} = redis_address();
    }

    my ($keys, $pki) = (DMP::keys(), pki());
    my $listen = listen_tls();

    $o{locations} //= <<"END";
        location $o{path} {
            dmp $o{dmp};
            dmp_resource fhir;
            proxy_pass $o{proxy};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            $o{location}
        }
END

    return <<"END";
    dmp_redis $o{redis};
    dmp_policy $o{policy};
    dmp_audit_key $keys/audit.key;
    dmp_audit_durability $o{durability};
    dmp_record_key $keys/record.key;
    dmp_pseudonym_key $keys/pseudonym.key;
    dmp_node $o{node};
    $o{http}

    upstream record_host {
        server $o{backend};
        keepalive 16;
    }

    server {
        $listen
        server_name localhost fhir.test;
        ssl_certificate $pki/server.pem;
        ssl_certificate_key $pki/server.key;
        ssl_client_certificate $pki/clients-ca.pem;
        ssl_crl $pki/crl.pem;
        ssl_verify_client optional;
        ssl_verify_depth 3;
        $o{server}

$o{locations}
    }
END
}


# "listen ... http2" until 1.25.1, a directive of its own since.
sub listen_tls
{
    return Test::Nginx::Util::get_nginx_version() >= 1.025001
        ? "listen 127.0.0.1:$tls_port ssl; http2 on;"
        : "listen 127.0.0.1:$tls_port ssl http2;";
}


# ----------------------------------------------------------------- requests

# request(as => 'morel', get => '/fhir/...', http => '2') returns a hash:
# status, http, headers (by lower-case name), body, json, curl (its exit code).
#
#   as       name of a certificate of the PKI; without it, none is shown
#   get, head, post, put, patch, delete   the path; or method and path
#   headers  list of "Name: value";  body  its bytes;  plain  without TLS
#   host     name to ask for, as SNI and Host;  options  more curl options
sub request
{
    my %o = (http => '1.1', headers => [], seconds => 20, host => '127.0.0.1',
        options => [], @_);

    my $pki = pki();
    my $base = dir() . '/curl.' . $$;

    for my $method (qw(get head post put patch delete)) {
        @o{qw(method path)} = (uc $method, $o{$method}) if defined $o{$method};
    }

    my ($scheme, $port) = $o{plain}
        ? ('http', $plain_port) : ('https', $o{port} // $tls_port);

    my @curl = ('curl', '-q', '--silent', '--show-error', '--globoff',
        '--path-as-is', '--max-time', $o{seconds}, '--noproxy', '*',
        '--cacert', "$pki/server-ca.pem", "--http$o{http}",
        '--dump-header', "$base.head", '--output', "$base.body",
        '--resolve', "$o{host}:$port:127.0.0.1",
        '--write-out', '%{http_code} %{http_version} %{num_connects}');

    if ($o{as} && $o{as} ne 'none') {
        push @curl, '--cert', "$pki/$o{as}.pem", '--key', "$pki/$o{as}.key";
    }

    if (defined $o{body}) {
        open my $out, '>:raw', "$base.data" or die "$base.data: $!\n";
        print $out $o{body};
        close $out or die "$base.data: $!\n";
        push @curl, '--data-binary', "\@$base.data";
    }

    push @curl, $o{method} eq 'HEAD' ? '--head' : ('--request', $o{method});
    push @curl, map { ('--header', $_) } @{ $o{headers} };
    push @curl, @{ $o{options} }, "$scheme://$o{host}:$port$o{path}";

    unlink "$base.head", "$base.body", "$base.out";

    my $pid = DMP::Proc::start('curl', "$base.out", @curl);

    waitpid $pid, 0;

    my %r = (curl => $? >> 8, body => slurp("$base.body"),
        error => slurp("$base.out"), head => slurp("$base.head"));

    ($r{status}, $r{http}) = $r{error} =~ /(\d{3}) (\S+) \d+\z/ ? ($1, $2) : (0, '');

    # of several heads (100 Continue) the last one counts
    my ($head) = reverse grep { length } split /\r\n\r\n/, $r{head};

    for my $line (split /\r\n/, $head // '') {
        my ($name, $value) = $line =~ /^([^:\s]+):\s*(.*)$/ or next;
        push @{ $r{lists}{lc $name} }, $value;
    }

    $r{headers} = { map { $_ => join ', ', @{ $r{lists}{$_} } } CORE::keys %{ $r{lists} } };
    $r{json} = eval { JSON::PP->new->utf8->decode($r{body}) };

    return \%r;
}


# Sends these bytes over TLS and returns all that comes back until the end of
# the connection: for requests that curl would not make.
sub request_raw
{
    my ($as, $bytes, $seconds) = @_;

    require IO::Socket::SSL;

    my $pki = pki();
    my $answer = '';

    my $socket = IO::Socket::SSL->new(
        PeerAddr => "127.0.0.1:$tls_port", SSL_hostname => 'localhost',
        SSL_ca_file => "$pki/server-ca.pem", SSL_verifycn_name => 'localhost',
        ($as ? (SSL_cert_file => "$pki/$as.pem", SSL_key_file => "$pki/$as.key") : ()),
    ) or die "TLS: $IO::Socket::SSL::SSL_ERROR\n";

    print $socket $bytes;

    local $SIG{ALRM} = sub { die "no end of the answer: $answer\n" };
    alarm($seconds // 10);
    while (sysread $socket, my $part, 65536) {
        $answer .= $part;
    }
    alarm 0;

    return $answer;
}


# -------------------------------------------------------------------- nginx

sub nginx_pid
{
    my ($pid) = slurp("$ENV{TEST_NGINX_SERVROOT}/logs/nginx.pid") =~ /(\d+)/;

    return $pid;
}


# Children of the master, those that are on their way out included.
sub worker_pids
{
    my $master = nginx_pid() // return;

    return split ' ', slurp("/proc/$master/task/$master/children");
}


# Returns when the new worker runs; the old one may still have requests.
sub reload
{
    my %old = map { $_ => 1 } worker_pids();

    kill 'HUP', nginx_pid() or die "cannot signal nginx: $!\n";

    wait_for { grep { !$old{$_} } worker_pids() } 'a worker after the reload';
}


# A daemon whose end nobody has collected yet has ended all the same.
sub running
{
    my ($pid) = @_;

    return slurp("/proc/$pid/stat") =~ /\) [^ZX] /;
}


sub stop_nginx
{
    my $pid = nginx_pid() // return 1;

    kill 'QUIT', $pid or return 1;

    return eval { wait_for { !running($pid) } 'the end of nginx', 15 };
}


# A configuration that nginx refuses is no reason for Test::Nginx to try again
# for half a minute.
sub check_configuration
{
    my ($write, $block, @rest) = @_;

    $write->($block, @rest);

    return if defined $block->must_die;

    my $root = $ENV{TEST_NGINX_SERVROOT};
    my $said = `$ENV{TEST_NGINX_BINARY} -t -q -e stderr -p $root/ -c conf/nginx.conf 2>&1`;

    if ($? != 0) {
        DMP::Proc::keep();
        Test::Nginx::Util::bail_out($block->name . " - nginx refuses:\n$said");
    }
}


sub run
{
    my $test = Test::More->builder;

    Test::Nginx::Util::master_on();
    Test::Nginx::Util::no_shuffle();
    Test::Nginx::Util::worker_connections(1024);
    Test::Nginx::Util::server_port("127.0.0.1:$plain_port");

    no warnings 'once';

    # after those of the test file, which may set sections
    push @Test::Nginx::Util::BlockPreprocessors, \&DMP::Block::prepare;

    my $write = \&Test::Nginx::Util::write_config_file;

    no warnings 'redefine', 'prototype';
    local *Test::Nginx::Util::write_config_file = sub ($$$) {
        check_configuration($write, @_);
    };
    local $Test::Nginx::Util::RunTestHelper = \&DMP::Block::run;
    local $Test::Nginx::Util::CheckErrorLog = \&DMP::Block::check_refusal;

    # Test::Nginx only warns when nginx does not end
    local $SIG{__WARN__} = sub {
        warn @_;
        $test->ok(0, "nginx ends when told to: @_")
            if "@_" =~ /timeout when waiting for the process/;
    };

    Test::Nginx::Util::run_tests();

    $test->ok(stop_nginx(), 'nginx ends when told to');
    DMP::Block::check_guard('shutdown');
    $test->done_testing;

    finish($test);
}


sub finish
{
    my ($test) = @_;

    if (!$test->is_passing) {
        DMP::Proc::keep();
        $test->diag('left to look at: ' . dir());
    }
}

1;
