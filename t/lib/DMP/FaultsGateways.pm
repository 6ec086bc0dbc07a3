package DMP::FaultsGateways;

# The gateways of DMP::Faults, which is one of these: nginx, its master and its
# workers.

use strict;
use warnings;

use DMP ();
use DMP::Guard ();
use DMP::Proc qw(root wait_for slurp);


sub start_gateway
{
    my ($self, $n) = @_;

    my $folder = "$self->{folder}/nginx$n";

    mkdir $folder or die "$folder: $!\n" if !-d $folder;

    $self->configure($n);

    my $log = "$folder/out.log";
    my @command = (nginx(), '-p', "$folder/", '-c',
        "$folder/nginx.conf", '-e', "$folder/error.log");

    @command = $self->{run}{gateway}->(@command) if $self->{run}{gateway};

    my %env = (%{ $self->{gateway_env}[$n] }, $self->clock_env("gateway$n"));

    $self->{nginx}[$n] = DMP::Proc::start("gateway $n", $log, sub {
        $ENV{DMP_UNSAFE} = ",$self->{unsafe},";
        @ENV{keys %env} = values %env;
        exec { $command[0] } @command or die "$command[0]: $!\n";
    });

    wait_for {
        $self->{daemon} || DMP::Proc::alive($self->{nginx}[$n])
            or die "gateway $n ended: " . slurp($log)
                . slurp("$folder/error.log");
        -s "$folder/nginx.pid" && -S "$self->{folder}/gateway$n.sock"
            && $self->worker_pids($n) == $self->{workers};
    } "gateway $n", 20;
}


# With its path: that is what nginx executes when it replaces itself.
sub nginx
{
    my $name = $ENV{TEST_NGINX_BINARY};

    return $name if $name =~ m{/};

    my ($path) = grep { -x } map { "$_/$name" } split /:/, $ENV{PATH};

    return $path // $name;
}


# Of the master; it changes with a binary upgrade.
sub master
{
    my ($self, $n) = @_;

    my ($pid) = slurp("$self->{folder}/nginx$n/nginx.pid") =~ /(\d+)/;

    return $pid;
}


sub worker_pids
{
    my ($self, $n) = @_;

    my $pid = $self->master($n) // return;

    # a master that was upgraded has the next one as its child, too
    return grep { slurp("/proc/$_/cmdline") =~ /^nginx: worker process/ }
        split ' ', slurp("/proc/$pid/task/$pid/children");
}


# Returns when new workers run and those before are gone.  Who asks on a
# connection that a worker closes meanwhile gets no answer (RFC 9112, 9.6).
sub reload
{
    my ($self, $n) = @_;

    my %old = map { $_ => 1 } $self->worker_pids($n);
    my $since = DMP::Faults::monotonic();

    kill 'HUP', $self->master($n) or die "gateway $n: $!\n";

    wait_for {
        my @now = $self->worker_pids($n);
        @now == $self->{workers} && !grep { $old{$_} } @now;
    } "the workers of gateway $n after a reload", 60;

    push @{ $self->{reloads} }, [$since, DMP::Faults::monotonic()];
}


# One worker dies at once; returns when another has taken its place.
sub kill_worker
{
    my ($self, $n, $pid) = @_;

    $pid //= ($self->worker_pids($n))[0];

    kill 'KILL', $pid or die "worker $pid: $!\n";

    wait_for {
        my @now = $self->worker_pids($n);
        @now == $self->{workers} && !grep { $_ == $pid } @now;
    } "a worker of gateway $n in the place of $pid", 20;

    return $pid;
}


# A new master with new workers takes over, as after an upgrade of nginx;
# needs daemon => 1.
sub upgrade
{
    my ($self, $n) = @_;

    my $old = $self->master($n);
    my $folder = "$self->{folder}/nginx$n";

    kill 'USR2', $old or die "gateway $n: $!\n";

    wait_for {
        my $new = $self->master($n);
        -s "$folder/nginx.pid.oldbin" && defined $new && $new != $old
            && $self->worker_pids($n) == $self->{workers};
    } "the new master of gateway $n", 20;

    kill 'QUIT', $old or die "gateway $n: $!\n";

    wait_for {
        !DMP::running($old) && !-e "$folder/nginx.pid.oldbin";
    } "the end of the old master of gateway $n", 60;
}


# Whether a worker's last word on the store is that it is away.  Line by line:
# in the whole log, perl looks for the words from the start of each line on.
sub away
{
    my %away;

    for (split /\n/, slurp($_[0])) {
        $away{$1} = $2 eq 'unavailable'
            if /^\S+ \S+ \[\w+\] (\d+)#\d+: dmp store is (unavailable|available again)/;
    }

    return grep { $away{$_} && kill 0, $_ } keys %away;
}


# The last word of each gateway on the store.
sub said_of_store
{
    my ($self) = @_;

    return map { (grep { /dmp store is/ } split /\n/,
        slurp("$self->{folder}/nginx$_/error.log"))[-1] // () } 0, 1;
}


# It writes what it still has to say, and ends.
sub stop_gateway
{
    my ($self, $n) = @_;

    my $started = $self->{nginx}[$n] or return;
    my $pid = $self->master($n) // $started;

    $self->{nginx}[$n] = undef;

    # an idle worker may still wait to try the store again: told to quit then,
    # it leaves its epoch to the next one, and here there is none
    eval { wait_for { !away("$self->{folder}/nginx$n/error.log") } 'all links', 5; 1 };

    kill 'QUIT', $pid;

    eval { wait_for { !DMP::running($pid) } "the end of gateway $n", 30; 1 }
        or push @{ $self->{broken} }, "I5: $@";

    kill 'KILL', $pid if DMP::running($pid);
    DMP::Proc::stop($started);
}


sub configure
{
    my ($self, $n) = @_;

    my $file = "$self->{folder}/nginx$n/nginx.conf";

    open my $out, '>', $file or die "$file: $!\n";
    print $out $self->configuration($n);
    close $out or die "$file: $!\n";
}


# The locations of both hosts, and the API.
sub configuration
{
    my ($self, $n) = @_;

    my $module = root() . ($self->{unsafe} ? '/build/unsafe/' : '/build/')
        . 'ngx_http_dmp_module.so';

    my ($keys, $pki, $policy) = (DMP::keys(), DMP::pki(), DMP::policy());
    my $folder = "$self->{folder}/nginx$n";
    my $user = $> == 0 ? 'user root;' : '';
    my $daemon = $self->{daemon} ? 'on' : 'off';
    my $store = $self->{store_at} ? $self->{store_at}->($self, $n)
        : $self->store_address;
    my $http = ref $self->{http} ? $self->{http}->($self, $n) : $self->{http};
    my $env = join '', map { "env $_;\n" } 'DMP_UNSAFE',
        sort keys %{ $self->{gateway_env}[$n] };

    my ($http2, $flag) = Test::Nginx::Util::get_nginx_version() >= 1.025001
        ? ('http2 on;', '') : ('', ' http2');

    my $locations = join '', map { <<"END" } qw(fast slow);
        location /$_/fhir/ {
            dmp on;
            dmp_resource fhir;
            dmp_record_host $_;
            dmp_max_answer_size 32m;
            proxy_pass http://$_/fhir/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
END

    $locations .= "        location /api/ { dmp_api; }\n";

    return <<"END";
load_module $module;
$user
daemon $daemon;
master_process on;
worker_processes $self->{workers};
pid $folder/nginx.pid;
error_log $folder/error.log info;
${env}events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    keepalive_requests 1000000;
    keepalive_timeout 300s;
    dmp_redis $store $self->{store_options};
    dmp_policy $policy;
    dmp_audit_key $keys/audit.key;
    dmp_audit_durability $self->{durability};
    dmp_record_key $keys/record.key;
    dmp_pseudonym_key $keys/pseudonym.key;
    dmp_node $self->{nodes}[$n];
    $http
    upstream fast { server unix:$self->{folder}/fast.sock; keepalive 32; }
    upstream slow { server unix:$self->{folder}/slow.sock; keepalive 64; }
    server {
        listen 127.0.0.1:$self->{ports}[$n] ssl$flag reuseport;
        listen unix:$self->{folder}/gateway$n.sock ssl$flag;
        $http2
        server_name localhost;
        ssl_certificate $pki/server.pem;
        ssl_certificate_key $pki/server.key;
        ssl_client_certificate $pki/clients-ca.pem;
        ssl_crl $pki/crl.pem;
        ssl_verify_client optional;
        ssl_verify_depth 3;
$locations    }
}
END
}


# Lines of the gateways' logs that no run may cause.
sub guard
{
    my ($self) = @_;

    return map { "error.log: $_" } DMP::Guard->new(
        map { "$self->{folder}/nginx$_/error.log" } 0, 1)->verdict(
            qr/dmp store|dmp bucket/, @{ $self->{log} });
}

1;
