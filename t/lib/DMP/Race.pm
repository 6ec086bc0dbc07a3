package DMP::Race;

# The race of t/race/: one store, two gateways of four workers each, and one
# program that reads, changes rights and is the record host.  run() plays it
# and puts its logs beside the trace.
#
#   my $result = DMP::Race::run(reads => 20000);
#   my $result = DMP::Race::run(unsafe => 'hold', first => 1);
#
#   reads, seconds   when it ends
#   deadline         D, in milliseconds
#   slow, large      reads in a thousand that go to the slow host, whose answer
#                    is large
#   tool, twice      changes in a thousand by dmpctl, that come twice at once
#   near             slow answers in a thousand that end just before D,
#   judging          by so many milliseconds at most
#   entries          of a large search
#   aim              changes are made when a large slow search was let through,
#                    and its answer ends just before D
#   relay            replies of the store in a thousand that come late to the
#                    second gateway
#   first            stop at the first violation
#   patient          it is the patient who blocks and unblocks, signed in
#   unsafe           the safety that is off, in the build made for that;
#                    "none": that build with all of them
#   progress         called with the number of reads so far

use strict;
use warnings;

use JSON::PP ();

use DMP ();
use Patient ();
use Rights ();
use DMP::Proc qw(root dir wait_for slurp free_port);
use DMP::Guard ();

use constant {
    INS => '285037512000151',
    READER => '899700218896',            # morel
    TREATING => '899700588637',          # leroy
    WORKERS => 4,
};

my $runs = 0;
my %default = (reads => 20000, seconds => 120, deadline => 60, slow => 100,
    large => 4, tool => 150, twice => 400, near => 300, judging => 8,
    entries => 3000, relay => 0, aim => 0, first => 0, patient => 0, unsafe => '');


# Plays it once and returns what came of it:
#
#   counts    what the program counted
#   said      its violations, in words
#   faults    what does not fit between the logs and the trace, and lines of
#             the gateways' logs that no run may cause
#   writers   how many of the gateways' workers the trace names
#   folder    the logs
sub run
{
    my %o = (%default, @_);

    my $self = bless { o => \%o, folder => dir() . '/race' . ++$runs },
        __PACKAGE__;

    mkdir $self->{folder} or die "$self->{folder}: $!\n";
    chmod 0777, $self->{folder} or die "$self->{folder}: $!\n";

    my $result = eval { $self->play };
    my $why = $@;

    $self->stop;

    die $why if !$result;

    return $result;
}


sub play
{
    my ($self) = @_;

    my $o = $self->{o};

    my $mark = DMP::trace_mark();
    $self->prepare;
    $self->start_race;
    $self->start_gateway($_) for 0, 1;

    my $line = $self->wait_for_the_end;

    # with a relay the race is the way to the store, and stays until told
    $self->stop_gateway($_) for 0, 1;
    DMP::Proc::stop($self->{race});

    my ($trace, $writers, @faults) = $self->read_trace($mark);

    push @faults, compare_host($trace, "$self->{folder}/host.log"),
        compare_clients($trace, "$self->{folder}/client.log"), $self->guard;

    eval { DMP::verify_trace(); 1 } or push @faults, "audit verify: $@";

    return { counts => JSON::PP::decode_json($line), faults => \@faults,
        said => [slurp("$self->{folder}/race.err") =~ /^race: (.*)$/mg],
        writers => $writers, folder => $self->{folder} };
}


# The last line that it prints, once it is told that the gateways are there.
sub wait_for_the_end
{
    my ($self) = @_;

    my $o = $self->{o};
    my ($line, $last);

    local $SIG{PIPE} = 'IGNORE';
    syswrite $self->{to}, ($o->{patient} ? $self->sign_in : '') . "\n" or die 'the race ended: ' . $self->said;

    wait_for {
        my $out = slurp("$self->{folder}/race.out");
        my ($reads) = $out =~ /^reads (\d+)\n\z/m;

        if ($o->{progress} && defined $reads && $reads != ($last // -1)) {
            $o->{progress}->($last = $reads);
        }

        ($line) = $out =~ /^(\{.*\})\n/m;
        $line || !DMP::Proc::alive($self->{race});
    } 'the end of the race', $o->{seconds} + 60;

    return $line // die 'the race ended: ' . $self->said;
}


# A session of the patient's, through the first gateway.
sub sign_in
{
    my ($self) = @_;

    my $made = JSON::PP::decode_json(DMP::dmpctl('account', 'create', INS, '--json',
        Rights::keys_of('--audit-key', DMP::keys() . '/audit.key', '--node', 'ops')));
    my $ask = sub {
        my ($path, $body) = @_;

        return DMP::request(post => "/api/session$path", port => $self->{ports}[0],
            host => 'localhost', headers => ['Content-Type: application/json'],
            body => JSON::PP::encode_json($body))->{json};
    };

    my $challenge = $ask->('', { identifier => $made->{identifier},
        password => $made->{temporary_password} })->{challenge}
        or die "the patient cannot sign in\n";

    $ask->('/code', { challenge => $challenge, code => Patient::code_of() });

    return $ask->('/password', { challenge => $challenge,
        new_password => 'une course de longue haleine' })->{access_token}
        // die "the patient has no session\n";
}


sub said { slurp("$_[0]{folder}/race.err") || "without a word\n" }


# The store with that deadline, and the patient's record.
sub prepare
{
    my ($self) = @_;

    if ($self->{o}{patient} && !-e DMP::keys() . '/session.key') {
        DMP::dmpctl('keygen', 'session', DMP::keys());
    }

    DMP::dmpctl('init', '--redis', DMP::redis_address(), '--deadline',
        "$self->{o}{deadline}ms", '--gateways-stopped');
    DMP::import_records({ ins => INS, status => 'open',
        traits => { family => 'MARTIN', given => 'Jeanne' },
        contact => { email => 'jeanne@example.fr' },
        emergency => { map { $_ => JSON::PP::true }
            qw(bris_de_glace centre_15 masked) },
        treating => [TREATING] });
}


# ----------------------------------------------------------------- processes

sub keys_of_tools
{
    my $keys = DMP::keys();

    return ('--redis', DMP::redis_address(),
        '--policy', DMP::policy(),
        map { ("--$_-key", "$keys/$_.key") } qw(record audit pseudonym));
}


sub start_race
{
    my ($self) = @_;

    my ($o, $folder) = @$self{qw(o folder)};
    $self->{ports} = [free_port(), free_port()];

    my @command = (root() . '/build/race',
        (map { ("--$_", $o->{$_}) }
            qw(deadline reads seconds slow large tool twice near judging
               entries relay)),
        (map { $o->{$_} ? "--$_" : () } qw(aim first)),
        (map { ('--gateway', "127.0.0.1:$_") } @{ $self->{ports} }),
        (map { ('--socket', "unix:$folder/gateway$_.sock") } 0, 1),
        '--fast', "$folder/fast.sock", '--slow-host', "$folder/slow.sock",
        ($o->{relay} ? ('--relay-at', "$folder/relay.sock") : ()),
        '--store', DMP::redis_address(), '--pki', DMP::pki(),
        '--reader', 'morel', '--treating', $o->{patient} ? 'none' : 'leroy',
        '--ins', INS,
        '--professional', READER, '--logs', $folder,
        '--', root() . '/build/dmpctl', keys_of_tools(), '--node', 'ops');

    pipe my $in, my $out or die "pipe: $!\n";

    # DMP::Proc gives /dev/null as input: the race is told by a line there
    $self->{race} = DMP::Proc::start('the race', "$folder/race.err", sub {
        open STDIN, '<&', $in or die "stdin: $!\n";
        open STDOUT, '>>', "$folder/race.out" or die "stdout: $!\n";
        close $out;
        exec { $command[0] } @command or die "$command[0]: $!\n";
    });

    close $in;
    $out->autoflush(1);
    $self->{to} = $out;

    wait_for {
        DMP::Proc::alive($self->{race}) or die 'the race ended: ' . $self->said;
        slurp("$folder/race.out") =~ /^ready$/m;
    } 'the race';
}


sub start_gateway
{
    my ($self, $n) = @_;

    my $folder = "$self->{folder}/nginx$n";

    mkdir $folder or die "$folder: $!\n";

    open my $out, '>', "$folder/nginx.conf" or die "$folder: $!\n";
    print $out $self->configuration($n, $folder);
    close $out or die "$folder: $!\n";

    my $log = "$folder/out.log";
    my @command = ($ENV{TEST_NGINX_BINARY}, '-p', "$folder/", '-c',
        "$folder/nginx.conf", '-e', "$folder/error.log");

    $self->{nginx}[$n] = DMP::Proc::start("gateway $n", $log, sub {
        $ENV{DMP_UNSAFE} = ",$self->{o}{unsafe},";
        exec { $command[0] } @command or die "$command[0]: $!\n";
    });

    wait_for {
        DMP::Proc::alive($self->{nginx}[$n])
            or die "gateway $n ended: " . slurp($log)
                . slurp("$folder/error.log");
        $self->answers($n);
    } "gateway $n", 20;
}


# All of its workers are there, so that the port's own socket of each is served.
sub answers
{
    my ($self, $n) = @_;

    my $pid = $self->{nginx}[$n];
    my @workers = split ' ', slurp("/proc/$pid/task/$pid/children");

    return @workers == WORKERS && -S "$self->{folder}/gateway$n.sock";
}


sub stop_gateway
{
    my ($self, $n) = @_;

    my $pid = delete $self->{nginx}[$n] or return;

    DMP::Proc::stop($pid, 'QUIT');
}


sub stop
{
    my ($self) = @_;

    $self->stop_gateway($_) for 0, 1;
    DMP::Proc::stop($self->{race}) if $self->{race};
}


# The locations of both hosts, and the API.
sub configuration
{
    my ($self, $n, $folder) = @_;

    my $module = root() . ($self->{o}{unsafe} ? '/build/unsafe/' : '/build/')
        . 'ngx_http_dmp_module.so';

    my ($keys, $pki, $policy) = (DMP::keys(), DMP::pki(), DMP::policy());
    my $workers = WORKERS;
    my $user = $> == 0 ? 'user root;' : '';
    my $store = $n == 1 && $self->{o}{relay}
        ? "unix:$self->{folder}/relay.sock" : DMP::redis_address();

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

    my ($pool, $session) = $self->{o}{patient}
        ? ('thread_pool dmp threads=1;', "dmp_session_key $keys/session.key;") : ('', '');

    return <<"END";
load_module $module;
$pool
$user
daemon off;
master_process on;
worker_processes $workers;
pid $folder/nginx.pid;
error_log $folder/error.log notice;
env DMP_UNSAFE;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    keepalive_requests 1000000;
    keepalive_timeout 300s;
    dmp_redis $store;
    dmp_policy $policy;
    dmp_audit_key $keys/audit.key;
    dmp_audit_durability fsync;
    dmp_record_key $keys/record.key;
    dmp_pseudonym_key $keys/pseudonym.key;
    dmp_node gateway-$n;
    $session
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


# ---------------------------------------------------------- after the race

# Lines of the gateways' logs that no run may cause.
sub guard
{
    my ($self) = @_;

    return map { "error.log: $_" } DMP::Guard->new(
        map { "$self->{folder}/nginx$_/error.log" } 0, 1)->verdict;
}


# Goes through the patient's bucket once, in order: which entry let which
# request through, and whether the record allowed it then.
sub read_trace
{
    my ($self, $mark) = @_;

    my (%trace, %writers, @faults);
    my $now = {};
    my ($tag) = map { m/^(\{.*?\})/ } @{ DMP::redis('KEYS', '{dmp:*}:rec:*') };
    my $from = $mark->{"$tag:trace"} // '0-0';

    for (;;) {
        my $items = DMP::redis('XRANGE', "$tag:trace", "($from", '+',
            'COUNT', 200);

        last if !@$items;

        for my $item (@$items) {
            my ($id, %field) = ($item->[0], @{ $item->[1] });

            $from = $id;

            if ($field{b} =~ /^\{"format":1,"kind":"change",/) {
                follow($now, $field{b}) if $field{o} eq 'R';

            } elsif ($field{b} =~ /^\{"format":1,"kind":"access",/) {
                my ($name, $entry) = entry($field{b}, $field{o});
                $trace{$name} .= "$entry\n";
                $writers{ (split ' ', $entry)[1] } = 1;
                push @faults, entry_faults($id, $field{b}, $now)
                    if $field{o} eq '1';
            }
        }
    }

    return (\%trace, scalar keys %writers, @faults);
}


# What is kept of an entry, by its trace id: there may be a million, too many
# for a parser of JSON.  A body is compact, its members are in a fixed order.
sub entry
{
    my ($body, $outcome) = @_;

    my ($writer, $epoch, $seq, $bucket, $trace, $decision) = $body =~ m{
        "writer":"([^"]+)","epoch":(\d+),"seq":(\d+),.*?
        "bucket":(\d+),.*? "trace":"([^"]+)",.*? "decision":"(\w+)"
    }x or die "not an entry: $body\n";

    return ($trace, join ' ', $decision eq 'allow' && $outcome eq '1' ? 1 : 0,
        $writer, $bucket, $epoch, $seq);
}


# What a change makes of the record: its version, and whether the reader is
# authorised, which is not known before the first.
sub follow
{
    my ($now, $body) = @_;

    ($now->{version}) = $body =~ /"new_version":(\d+)/
        or die "not a change: $body\n";

    my ($change) = $body =~ /"change":"([\w-]+)"/ or return;

    $now->{allowed} = $change eq 'authorise' ? 1
        : $change =~ /^(?:block|unblock|withdraw)$/ ? 0 : $now->{allowed};
}


sub entry_faults
{
    my ($id, $body, $now) = @_;

    my @faults;

    my ($actor, $decision, $version) = $body =~ m{
        "actor":\{"kind":"\w+","id":"(\w+)" .* "decision":"(\w+)" .*
        "version":(\d+)
    }x or return "entry $id cannot be read: $body";

    push @faults, "entry $id used version $version of $now->{version}"
        if defined $now->{version} && $version != $now->{version};

    push @faults, "entry $id says $decision, the record "
        . ($now->{allowed} ? 'allows' : 'forbids')
        if defined $now->{allowed} && $actor eq READER
            && $now->{allowed} != ($decision eq 'allow');

    return @faults;
}


sub compare_host
{
    my ($trace, $log) = @_;

    my (@faults, %seen);

    open my $in, '<', $log or die "$log: $!\n";

    while (<$in>) {
        my ($time, $host, $target, $id, @entry) = split;

        next if $id eq '-';

        push @faults, "two requests at the host with the receipt $id"
            if $seen{$id}++;

        my @allowing = ($trace->{$id} // '') =~ /^1 (.*)$/mg;

        push @faults, "a request at the host, $id: allowed by "
            . @allowing . ' entries' if @allowing != 1;
        push @faults, "a request at the host, $id: its receipt is not that of "
            . 'its entry' if @allowing == 1 && $allowing[0] ne "@entry";
    }

    return @faults;
}


sub compare_clients
{
    my ($trace, $log) = @_;

    my @faults;

    open my $in, '<', $log or die "$log: $!\n";

    while (<$in>) {
        my ($what, $kind, $reader, $gateway, $sent, $first, $status, $id)
            = split;

        next if $what ne 'read';

        my $entries = $trace->{$id} // '';
        my $allowing = () = $entries =~ /^1 /mg;

        push @faults, "$kind, status 200, $id: allowed by $allowing entries"
            if $status == 200 && $allowing != 1;
        push @faults, "$kind, status $status, $id: not in the trace"
            if $status =~ /^40[34]$/ && $entries eq '';
    }

    return @faults;
}


# What came of it, for people.
sub report
{
    my ($result) = @_;

    my $c = $result->{counts};
    my $text = sprintf <<'END', @$c{qw(reads ms)}, $result->{writers},
%u reads in %u ms, by %u workers
    %u served, %u of them by the slow host, %u large
    %u refused, %u unavailable, %u otherwise
%u changes acknowledged, %u not
    %u took rights away, %u took them away again
    %u answers left while such a change was held
    %u reads were without an answer when one was acknowledged:
        %u refused then, %u unavailable
    %u answers over TCP came too close behind one to be judged
%u answers left after an acknowledgement
%u requests of %u were let through after an acknowledgement
%u contradictions between the logs and the trace
END
        @$c{qw(served served_slow served_large refused unavailable unexpected
            changes failures boundaries repeated held pending pending_refused
            pending_unavailable too_close late_answers late_forwards
            forwarded)}, scalar @{ $result->{faults} };

    return join("\n    ", $text =~ s/\n\z//r,
        first_of(@{ $result->{said} }), first_of(@{ $result->{faults} }))
        . "\n";
}


sub first_of { @_ > 10 ? (@_[0 .. 9], '...') : @_ }

1;
