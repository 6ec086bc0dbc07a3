# dmp_metrics and dmp_health: what they say is held against what was done, by
# two workers at once; the store's faults are seen in both, and pass.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use Emergency qw(gateway centre grant id_of on_path);
use FakeHost;
use Test::More;

our $Ins = '285037512000151';
our $Socket = DMP::Proc::dir() . '/redis/sock';
our $Search = '/fhir/DocumentReference?patient.identifier='
    . "urn:oid:1.2.250.1.213.1.4.8|$Ins";
our $Status = 'location /metrics { dmp_metrics; } location /health { dmp_health; }';

sub set_record
{
    import_records({ ins => $Ins, status => 'open',
        opened_at => '2026-01-05T09:00:00Z', grant('morel', 'leroy'),
        Emergency::flags(1, 1, 0), blocked => [id_of('roux')], @_ });
}

sub search { return request(get => $Search, as => 'morel', @_) }

# ---------------------------------------------- the text format, by its rules

# Dies of the first line that is not as the format and its linters want it.
# Returns the samples, by name and labels as they stand, and their types.
sub parse
{
    my ($text) = @_;

    my (%value, %type, %ended, $family);

    die "the last line does not end\n" if $text !~ /\n\z/;

    for my $line (split /\n/, $text) {
        if (my ($name, $help) = $line =~ /^# HELP ([a-z_]+) (\S.*\S)$/) {
            die "$name comes twice\n" if exists $type{$name};
            die "$help: no sentence\n" if $help !~ /^[A-Z].*\.$/;
            $ended{$family} = 1 if defined $family;
            ($family, $type{$name}) = ($name, undef);

        } elsif (my ($of, $type) = $line =~ /^# TYPE ([a-z_]+) ([a-z]+)$/) {
            die "TYPE of $of after $family\n" if $of ne $family || defined $type{$of};
            die "$of: $type\n" if $type !~ /^(?:counter|gauge|histogram)$/;
            die "$of is a $type\n" if ($type eq 'counter') != ($of =~ /_total$/ ? 1 : 0);
            $type{$of} = $type;

        } else {
            sample($line, $family, $type{$family}, \%value);
        }
    }

    die "$_ has no type\n" for grep { !defined $type{$_} } CORE::keys %type;

    return (\%value, \%type);
}

sub sample
{
    my ($line, $family, $type, $value) = @_;

    my ($name, $labels, $number) =
        $line =~ /^([a-z_]+)(?:\{(.*)\})? ([0-9]+(?:\.[0-9]+)?)$/ or die "$line\n";

    die "$name among $family\n" if $name ne $family && ($type // '') ne 'histogram'
        || $name !~ /^\Q$family\E(?:_bucket|_sum|_count)?$/;

    for my $label (split /,/, $labels // '') {
        $label =~ /^[a-z]+="[A-Za-z0-9.+_-]+"$/ or die "label $label in $line\n";
    }

    my $key = defined $labels ? "$name\{$labels}" : $name;
    die "$key comes twice\n" if exists $value->{$key};
    $value->{$key} = $number;
}

sub metrics
{
    my $r = request(get => '/metrics', @_);

    die "metrics: $r->{status} $r->{body}\n" if $r->{status} != 200;

    return (parse($r->{body}))[0];
}

# What has grown since, without the times and the numbers of single workers.
sub grown
{
    my ($before, $after) = @_;

    my %grown;

    for my $key (grep { /_total|_count/ } CORE::keys %$after) {
        my $by = $after->{$key} - ($before->{$key} // 0);
        $grown{$key} = $by if $by != 0;
    }

    return \%grown;
}

# An answer is counted once it has left: waits until that many have been, and
# returns the decisions among what has grown, in short.
sub decided
{
    my ($before, $n) = @_;

    my ($grown, %decided);

    wait_for {
        $grown = grown($before, metrics());
        %decided = map { /result="(.*)",reason="(.*)",mode="(.*)"/
            ? ("$1 $2 $3" => $grown->{$_}) : () } CORE::keys %$grown;
        my $sum = 0;
        $sum += $_ for CORE::values %decided;
        $sum >= $n;
    } "$n decisions to be counted";

    return (\%decided, $grown);
}

sub entries { return map { $_[0]{"dmp_answer_entries_total{kind=\"$_\"}"} // 0 } qw(shown withheld) }

# ------------------------------------------------------------------- health

sub health { return request(get => '/health', @_) }

sub in_state
{
    my ($state) = @_;

    my $r;
    wait_for { $r = health(); ($r->{json}{status} // '') eq $state } "health: $state", 15;

    return $r;
}

# One part alone is not as the others; what it says of the reason.
sub is_refused_for
{
    my ($pattern) = @_;

    my $r;

    wait_for { $r = in_state('not-ready');
        ($r->{json}{parts}{store}{why} // '') =~ $pattern } "health to say $pattern", 15;

    is($r->{status}, 503, 'not ready: 503');
    is($r->{headers}{'retry-after'}, 1, 'come back');
    is($r->{json}{parts}{store}{status}, 'not-ready', 'it is the store');
    is($r->{json}{parts}{trace}{status}, 'not-ready', 'and so the trace');
    is($r->{json}{parts}{configuration}{status}, 'ready', 'not the configuration');
    like($r->{json}{parts}{store}{why}, $pattern, 'and it says why');
    like((grep { !$_->{ready} } @{ $r->{json}{workers} })[0]{why}, $pattern,
        'of a worker, too');
    is(metrics()->{dmp_store_ready}, 0, 'metrics say so');

    my $live = request(get => '/health/live');
    is($live->{status}, 200, 'yet it lives');
    is_deeply($live->{json}, { status => 'live' }, 'and says just that');
}

sub is_served_again
{
    my $r = in_state('ready');
    is($r->{status}, 200, 'ready again');
    ok(!grep({ exists $_->{why} } @{ $r->{json}{workers} },
        CORE::values %{ $r->{json}{parts} }), 'with no reason left');
    is(metrics()->{dmp_store_ready}, 1, 'metrics say so');
    is(search()->{status}, 200, 'and it serves');
}

sub redis_process { redis('INFO', 'server') =~ /process_id:(\d+)/ ? $1 : die "whose?\n" }

set_record();
centre('regulator');
Test::Nginx::Util::workers(2);
DMP::configure(server => $Status, redis => "unix:$Socket");
DMP::run();

__DATA__

=== TEST 1: the text is as the format wants it, before and after anything was counted
--- code
in_state('ready');
my $r = request(get => '/metrics');
is($r->{status}, 200, 'for everybody whom the location lets in');
is($r->{headers}{'content-type'}, 'text/plain; version=0.0.4; charset=utf-8', 'its type');
is($r->{headers}{'cache-control'}, 'no-store', 'nobody keeps it');
my ($value, $type) = parse($r->{body});
is($value->{"dmp_decisions_total{result=\"$_\",reason=\"none\",mode=\"normal\"}"}, 0,
    "$_: a zero that is there") for qw(allow deny error);
is($value->{"dmp_added_latency_seconds_count{part=\"$_\"}"}, 0, "$_: nothing yet")
    for qw(decision store filter);
is($type->{dmp_added_latency_seconds}, 'histogram', 'a histogram');
is($value->{dmp_workers}, 2, 'two workers');
is($value->{"dmp_worker_ready{worker=\"$_\"}"}, 1, "worker $_ is ready") for 0, 1;
is($value->{dmp_buckets_closed}, 0, 'no bucket is closed');
ok($value->{dmp_epochs_opened_total} >= 2, 'an epoch for each');
cmp_ok($value->{"dmp_trace_signed_age_seconds{worker=\"$_\"}"} // 'inf', '<', 30,
    "worker $_ has signed") for 0, 1;

search() for 1 .. 3;
my ($decided) = decided($value, 3);
is_deeply($decided, { 'allow none normal' => 3 }, 'counted by all workers');
parse(request(get => '/metrics', http => '2')->{body});
pass('as the format wants it, over HTTP/2');



=== TEST 2: GET and HEAD, and nothing else
--- code
for my $path ('/metrics', '/health', '/health/live') {
    my $get = request(get => $path);
    my $head = request(head => $path);
    is($head->{status}, 200, "$path: HEAD");
    is($head->{body} =~ s/.*\r\n\r\n//sr, '', "$path: without a body");
    is($head->{headers}{'content-length'} > 0, 1, "$path: but its length");
    is($head->{headers}{'content-type'}, $get->{headers}{'content-type'}, "$path: its type");
    is($head->{headers}{'cache-control'}, 'no-store', "$path: not to be kept");
    for my $method (qw(POST PUT DELETE OPTIONS)) {
        my $r = request(method => $method, path => $path, body => 'x');
        is($r->{status}, 405, "$path: $method is refused");
        is($r->{headers}{allow}, 'GET, HEAD', "$path: $method: what is not");
        unlike($r->{body}, qr/dmp_|status|worker/, "$path: $method: nothing is told");
    }
    is(request(get => $path, headers => ['If-Unmodified-Since: Mon, 05 Jan 2026 09:00:00 GMT',
        'If-None-Match: "x"', 'Range: bytes=0-3'])->{body} =~ s/[\d.]+//gr,
        $get->{body} =~ s/[\d.]+//gr, "$path: whole, whatever the condition");
}



=== TEST 3: each request once, by what was decided, why and in which mode
--- http_config eval: main::gateway()
--- code
my $read = '/fhir/DocumentReference/martin-consultation-1';
my $before = metrics();
my @asked = (
    [200, 'allow none normal', get => $read, as => 'morel'],
    [200, 'allow none normal', head => $read, as => 'leroy'],
    [403, 'deny not-authorised normal', get => $Search, as => 'petit'],
    [403, 'deny blocked normal', get => $Search, as => 'roux'],
    [401, 'deny authentication-required normal', get => $Search],
    [400, 'deny operation-unknown normal', get => '/fhir/Observation/1', as => 'morel'],
    [403, 'deny not-regulator centre-15', get => $Search, as => 'morel',
        headers => ['DMP-Access-Mode: centre-15']],
    [403, 'deny justification-missing bris-de-glace', get => $Search, as => 'petit',
        headers => ['DMP-Access-Mode: bris-de-glace']],
    [200, 'allow none centre-15', on_path('centre-15', get => $Search, as => 'regulator')],
    [403, 'deny not-regulator centre-15', on_path('centre-15', get => $Search, as => 'morel')],
);
my %expected;
for my $ask (@asked) {
    my ($status, $what, @request) = @$ask;
    is(request(@request)->{status}, $status, "$what: $status");
    $expected{$what}++;
}
my ($decided, $grown) = decided($before, scalar @asked);
is_deeply($decided, \%expected, 'each is counted once, and nothing else is');
is($grown->{'dmp_added_latency_seconds_count{part="decision"}'}, scalar @asked,
    'each took its time to be decided');
is($grown->{'dmp_added_latency_seconds_count{part="filter"}'}, 3,
    'those that were answered by the record host to be judged');
cmp_ok($grown->{'dmp_added_latency_seconds_count{part="store"}'}, '>=', 9,
    'those that waited for the store');
cmp_ok($grown->{dmp_commits_total}, '>=', 9, 'and what it acknowledged');
my ($again) = decided($before, scalar @asked);
is_deeply($again, \%expected, 'asking for metrics is no request of a protected location');



=== TEST 4: what is shown, and what is withheld
--- code
my $before = metrics();
my $r = search();
my @entries = grep { $_->{resource}{resourceType} eq 'DocumentReference' } @{ $r->{json}{entry} };
my ($shown, $withheld) = entries((decided($before, 1))[1]);
is($shown, scalar @entries, 'as many as the client received');
set_record(masked => [$entries[0]{resource}{masterIdentifier}{value}]);
$before = metrics();
search();
is_deeply([entries((decided($before, 1))[1])], [$shown - 1, $withheld + 1],
    'with a mask one is withheld');
set_record();



=== TEST 5: what could not be checked was decided, and did not leave
--- dmp
our $Host = FakeHost->new(default => FakeHost::json('{"resourceType":'));
(backend => $Host->{address})
--- code
in_state('ready');
my $before = metrics();
is(search()->{status}, 502, 'no JSON');
my ($decided, $grown) = decided($before, 1);
is_deeply($decided, { 'allow answer-unchecked normal' => 1 }, 'counted so');
is_deeply([entries($grown)], [0, 0], 'nothing was shown');
--- error_log
dmp cannot check the record host's answer



=== TEST 6: histograms: cumulative, whole, in order, and their sum is possible
--- code
in_state('ready');
search(http => $_ % 2 ? '1.1' : '2') for 1 .. 10;
decided({}, 10);
my $r = request(get => '/metrics');
my ($value) = parse($r->{body});
for my $part (qw(decision store filter)) {
    my @le = $r->{body} =~ /^dmp_added_latency_seconds_bucket\{part="$part",le="(.*?)"\}/mg;
    my @count = map { $value->{"dmp_added_latency_seconds_bucket{part=\"$part\",le=\"$_\"}"} } @le;
    my $total = $value->{"dmp_added_latency_seconds_count{part=\"$part\"}"};
    my $sum = $value->{"dmp_added_latency_seconds_sum{part=\"$part\"}"};
    is(scalar @le, 16, "$part: fifteen bounds and none");
    is(pop @le, '+Inf', "$part: the last one is none");
    is(pop @count, $total, "$part: where all are");
    cmp_ok($total, '>=', 10, "$part: of the searches");
    is_deeply(\@le, [sort { $a <=> $b } @le], "$part: bounds rise");
    is_deeply(\@count, [sort { $a <=> $b } @count], "$part: counts do not fall");

    # between what it would be with all at the lower and all at the upper bound
    my ($low, $high, $below) = (0, 0, 0);
    for my $i (0 .. $#le) {
        my $n = $count[$i] - $below;
        $below = $count[$i];
        $low += $n * ($i ? $le[$i - 1] : 0);
        $high += $n * $le[$i];
    }
    $low += ($total - $below) * $le[-1];
    cmp_ok($sum, '>=', $low - 1e-6 * $total, "$part: the sum is not too small");
    cmp_ok($sum, '<=', $high + 1e-6 * $total, "$part: nor too large")
        if $total == $below;
}



=== TEST 7: ready
--- code
my $r = in_state('ready');
is($r->{status}, 200, 'it is 200');
is($r->{headers}{'content-type'}, 'application/json', 'its type');
is($r->{headers}{'cache-control'}, 'no-store', 'nobody keeps it');
ok(!exists $r->{headers}{'retry-after'}, 'nothing to come back for');
is_deeply($r->{json}{parts}, { configuration => { status => 'ready' },
    store => { status => 'ready' }, trace => { status => 'ready' },
    buckets => { status => 'ready', closed => 0 } }, 'each part');
is_deeply([sort map { $_->{worker} } @{ $r->{json}{workers} }], [0, 1], 'each worker');
is_deeply([sort map { $_->{pid} } @{ $r->{json}{workers} }], [sort(worker_pids())], 'which they are');
for my $worker (@{ $r->{json}{workers} }) {
    ok($worker->{ready}, 'it is ready');
    like($worker->{since}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'since then');
    ok(!exists $worker->{why}, 'there is nothing to explain');
}
my $live = request(get => '/health/live', http => '2');
is($live->{status}, 200, 'and it lives');
is($live->{body}, qq({"status":"live"}\n), 'in a word');



=== TEST 8: a reload loses no count, and the worker that leaves is no second one
--- code
in_state('ready');
search() for 1 .. 3;
decided({}, 3);
my ($before, %old) = (metrics(), map { $_ => 1 } worker_pids());
reload();
wait_for { !grep { $old{$_} } worker_pids() } 'the end of the old workers';
in_state('ready');
my $after = metrics();
is($after->{$_}, $before->{$_}, $_) for grep { /^dmp_(?:decisions|answer|commits)_.*total/ }
    sort(CORE::keys %$before);
cmp_ok($after->{dmp_epochs_opened_total}, '>=', $before->{dmp_epochs_opened_total} + 2,
    'two more epochs');
is($after->{dmp_workers}, 2, 'two workers');
is(scalar @{ health()->{json}{workers} }, 2, 'for health, too');



=== TEST 9: the store is killed, and back
--- code
in_state('ready');
my $before = metrics();
DMP::stop_redis('KILL');
is_refused_for(qr/connection lost|cannot connect/);
wait_for { !grep { $_->{ready} } @{ health()->{json}{workers} } } 'both to have noticed';
is(search()->{status}, 503, 'a request is refused');
my ($decided, $grown) = decided($before, 1);
is_deeply($decided, { 'error trace-unavailable normal' => 1 }, 'and counted as an error');
is($grown->{dmp_store_link_lost_total}, 2, 'both links were lost, once');
DMP::start_redis();
is_served_again();
verify_trace();
pass('the trace is whole');
--- error_log
dmp store is unavailable: (?:connection lost|cannot connect)



=== TEST 10: the store stands still, and goes on
--- code
in_state('ready');
my $store = redis_process();
kill 'STOP', $store;
eval {
    is(search()->{status}, 503, 'refused') for 1 .. 4;
    is_refused_for(qr/no answer|timed out|time-out|connection|handshake/);
    1;
} or fail($@);
kill 'CONT', $store;
is_served_again();
--- error_log
dmp store is unavailable



=== TEST 11: settings that do not give the durability are named
--- code
in_state('ready');
redis('CONFIG', 'SET', 'appendfsync', 'everysec');
redis('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
is_refused_for(qr/\bappendfsync is "everysec"/);
redis('CONFIG', 'SET', 'appendfsync', 'always');
is_served_again();
--- error_log
dmp store is unavailable: .*appendfsync is
dmp store is unavailable: connection lost



=== TEST 12: a worker is killed, and followed
--- code
in_state('ready');
my ($before, $killed) = (metrics(), worker_pids());
my %old = map { $_->{pid} => $_->{worker} } @{ health()->{json}{workers} };
kill 'KILL', $killed;
wait_for { !grep({ $_ == $killed } worker_pids()) && worker_pids() == 2 } 'another worker';
in_state('ready');
wait_for { metrics()->{dmp_epochs_ended_for_others_total}
    > $before->{dmp_epochs_ended_for_others_total} } 'the epoch of the dead to be ended', 15;
my ($after, $workers) = (metrics(), health()->{json}{workers});
is($after->{$_}, $before->{$_}, "$_ stays") for grep { /^dmp_decisions/ } CORE::keys %$before;
is($after->{dmp_workers}, 2, 'two workers');
is_deeply([map { $_->{worker} } @$workers], [0, 1], 'health has no place for the dead');
isnt((grep { $_->{worker} == $old{$killed} } @$workers)[0]{pid}, $killed, 'another pid');
verify_trace();
pass('the trace is whole');
--- error_log
exited on signal 9



=== TEST 13: a closed bucket
--- code
in_state('ready');
# nobody's home, and not that of the patient
my %used = map { /^\{dmp:(..)\}/ ? ($1 => 1) : () } @{ redis('KEYS', '{dmp:*') };
my ($bucket) = grep { !$used{ sprintf '%02x', $_ } } 0 .. 63;
my $key = sprintf '{dmp:%02x}:closed', $bucket;
redis('FCALL', 'dmp1_close', 3, $key, 'dmp:closed', 'dmp:meta', 'a test', 'it went back',
    $bucket, 0);
redis('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
my $r = in_state('degraded');
is($r->{status}, 200, 'the gateway is there for the others');
is($r->{json}{parts}{buckets}{status}, 'degraded', 'the buckets are not all');
is($r->{json}{parts}{buckets}{closed}, 1, 'one is closed');
like($r->{json}{parts}{buckets}{why}, qr/dmpctl audit recover/, 'it says what to do');
is($r->{json}{parts}{store}{status}, 'ready', 'the store is ready');
is(metrics()->{dmp_buckets_closed}, 1, 'metrics say so');
is(metrics()->{dmp_store_ready}, 1, 'and that it is ready');
is(metrics()->{dmp_bucket_closures_total}, 0, 'it was not this gateway that closed it');
is(search()->{status}, 200, 'and it serves');
# as "dmpctl audit recover" does, and by itself the gateways see it
redis('HINCRBY', 'dmp:meta', "recovered:$bucket", 1);
redis('DEL', $key);
redis('SREM', 'dmp:closed', $bucket);
is_served_again();
is(metrics()->{dmp_buckets_closed}, 0, 'all are open');
--- error_log
dmp store is unavailable: connection lost
dmp .*bucket.*closed



=== TEST 14: neither says of whom
--- code
in_state('ready');
search();
request(get => $Search, as => 'petit');
decided({}, 2);
my ($key) = @{ redis('KEYS', '{dmp:*}:rec:*') };
my ($pseudonym) = $key =~ /:rec:(.+)/ or die "$key\n";
my ($writer) = redis('KEYS', '{dmp:*}:w:*')->[0] =~ /:w:(.+)/ or die "no writer\n";
for my $path ('/metrics', '/health') {
    my $body = request(get => $path)->{body};
    unlike($body, qr/$Ins|\Q$pseudonym\E|\Q$writer\E/, "$path: no patient, no writer");
    unlike($body, qr/899700|martin|morel|127\.0\.0\.1|sock/i, "$path: nobody else, no address");
}



=== TEST 15: not beside another directive that answers
--- dmp: server => 'location /metrics { dmp_metrics; dmp_health; }'
--- must_die
--- suppress_stderr
--- error_log
"dmp_health" directive cannot be beside another directive that answers



=== TEST 16: not twice
--- dmp: server => 'location /health { dmp_health; dmp_health; }'
--- must_die
--- suppress_stderr
--- error_log
"dmp_health" directive is duplicate



=== TEST 17: not in a location that is protected, itself
--- dmp: server => 'location /metrics { dmp on; dmp_metrics; }'
--- must_die
--- suppress_stderr
--- error_log
"dmp_metrics" directive cannot be in a protected location



=== TEST 18: nor by the server
--- dmp: server => 'dmp on; location /health { dmp_health; }'
--- must_die
--- suppress_stderr
--- error_log
"dmp_health" cannot be used with "dmp on" .*location /health



=== TEST 19: unless it is said that it is not
--- dmp: server => 'dmp on; location /health { dmp off; dmp_health; }'
--- code
is(in_state('ready')->{status}, 200, 'it answers');
