# Sessions, and a store that fails: between a code and its session, while a
# password is looked at.  What is acknowledged holds: once a sign-out, a new
# password or the closing of a record is answered, no answer leaves that was
# let through in a session that has ended by it.  Nothing here measures time:
# where an answer must not have come, the deadline is a minute.

use strict;
use warnings;
use utf8;

use lib 't/lib';
use DMP;
use FakeHost;
use FakeRedis;
use JSON::PP ();
use Patient qw(patients messages code_of signed_in bearer session try_password
    try_code me traits);
use Rights qw($Martin $Durand $Petit $System $Search $True api is_refusal record come
    answer parked unparked);
use SignIn qw(post call connected sent_on together forget_tries sessions_of
    session_key_of store_ms statuses log_mark logged);
use Test::More;

our ($Who, $Password, $Token, @Durand);

our $Fake = FakeRedis->new(redis_address(),
    [qr/^FCALL dmp1_session .* open /, 'lost', when => 'lost-open'],
    [qr/^FCALL dmp1_session .* open /, 'close', when => 'close-open'],
    [qr/^FCALL dmp1_challenge .* try /, 'lost', when => 'lost-try'],
    [qr/^FCALL dmp1_session .* open /, 'stall', when => 'held-session-open'],
    [qr/^FCALL dmp1_session .* only /, 'close', when => 'close-only'],
    [qr/^FCALL dmp1_session .* only /, 'lost', when => 'lost-only'],
    [qr/^FCALL dmp1_change /, 'stall', when => 'held-change'],
    [qr/^FCALL dmp1_trace /, 'stall', when => 'held-trace'],
    [qr/^FCALL dmp1_session .* check /, 'delay', 1.5, when => 'slow-check'],
    [qr/^FCALL dmp1_session .* end /, 'lost', when => 'lost-end']);

# ------------------------------------------------------------------ requests

sub anew { forget_tries() }

sub served
{
    wait_for { request(get => "/fhir/Patient?identifier=$System|$Martin", as => 'morel')
        ->{status} != 503 } 'the gateway to be served by the store', 20;
}

# One call while the store fails like that.
sub failing
{
    my ($how, $call) = @_;

    $Fake->on($how);
    my $r = $call->();
    $Fake->off($how);
    is_refusal($r, $how, 503, 'trace-unavailable');
    is($r->{headers}{'set-cookie'}, undef, "$how: no cookie");
    is($r->{headers}{'retry-after'}, 1, "$how: to be tried again");
    served();

    return $r;
}

sub one_worker { wait_for { worker_pids() == 1 } 'one worker', 20 }

sub deadline
{
    my ($ms) = @_;

    redis('HSET', 'dmp:meta', 'deadline_ms', $ms);
    one_worker();
    reload();
    one_worker();
    served();
}

sub for_ever { deadline(60000) }
sub as_usual { deadline(250) }

# Sent, and not waited for: come() and answer() of Rights go on with it.
sub asked
{
    my $socket = connected();

    syswrite $socket, call(@_);
    $socket->blocking(0);

    return { socket => $socket, in => '', end => 0 };
}

# Asked while that is held up; the words of the command that is.
sub held
{
    my ($what, @call) = @_;

    my $before = () = $Fake->commands;
    my ($function, $verb) = split /-/, $what;
    my @words;

    $Fake->on("held-$what");
    my $asked = asked(@call, 'Connection: close');
    wait_for {
        my @now = $Fake->commands;
        @words = map { [split / /] } grep { /^FCALL dmp1_$function / && (!$verb || / $verb /) }
            @now[$before .. $#now];
    } "$what to be held";

    return ($asked, @{ $words[0] });
}

sub recovered
{
    my ($who, $password) = @_;

    my $r = api('none', POST => '/api/session/recovery', { identifier => $who });
    my $challenge = $r->{json}{challenge};
    is(try_code($challenge, code_of())->{status}, 403, 'the code is right');

    return (POST => '/api/session/password',
        { challenge => $challenge, new_password => $password });
}

# -------------------------------------------------------------- a slow host

our $Gate = DMP::Proc::dir() . '/gate';

sub shut_gate { open my $out, '>', $Gate or die "$Gate: $!\n" }
sub open_gate { unlink $Gate }

sub document
{
    return { resourceType => 'DocumentReference', id => 'secret', status => 'current',
        subject => { reference => "Patient?identifier=$System|$Martin" },
        content => [{ attachment => { contentType => 'text/plain', url => 'Binary/secret' } }] };
}

# It waits with what is forwarded to it, as long as the file is there.
sub gated
{
    my ($steps) = @_;

    return sub {
        my ($head) = @_;
        wait_for { !-e $Gate } 'the gate', 50 if $head =~ /^DMP-Trace-Receipt:/mi;
        return $steps;
    };
}

sub json { return FakeHost::json(JSON::PP->new->encode($_[0])) }

our $Host = FakeHost->new(
    '/fhir/DocumentReference' => gated(json({ resourceType => 'Bundle',
        type => 'searchset', entry => [{ resource => document() }] })),
    '/fhir/DocumentReference/secret' => gated(json(document())),
    '/fhir/Binary/secret' => gated(FakeHost::answer(200,
        { 'Content-Type' => 'text/plain' }, 'SECRET')));

our @Reads = (['a search', $Search], ['a document', '/fhir/DocumentReference/secret'],
    ['a Binary', '/fhir/Binary/secret']);

sub forwarded { scalar grep { /^DMP-Trace-Receipt:/mi } $Host->requests }

# Forwarded in that session, and the host does not answer yet.
sub forwarding
{
    my ($token, $path, $http) = @_;

    my $asked = forwarded();

    shut_gate();
    my $request = parked(get => $path, headers => [bearer($token)], http => $http,
        seconds => 50);
    wait_for { forwarded() > $asked } 'the host to be asked';

    return $request;
}

# Each read is held by the host while the session ends by what that code
# returns the answer of; then it refuses.
sub ends
{
    my ($name, $token, $end, $status) = @_;

    as_usual();

    for my $http ('1.1', '2') {
        for my $read (@Reads) {
            my ($what, $path) = @$read;
            my $said = "HTTP/$http, $name, $what";

            anew();
            open_gate();
            my $now = $token->();
            is(request(get => $path, headers => [bearer($now)])->{status}, 200,
                "$said: may be read");
            my $request = forwarding($now, $path, $http);
            is($end->($now)->{status}, $status, "$said: it ends, and that is acknowledged");
            is(slurp($request->{out}), '', "$said: nothing came so far");
            open_gate();
            my $r = unparked($request);
            ok($r->{status} == 401 || $r->{status} == 404, "$said: refused ($r->{status})");
            unlike("$r->{head}$r->{body}", qr/SECRET|secret|text.plain/, "$said: nothing leaves");
        }
    }
}

patients();
DMP::configure(redis => $Fake->address . ' timeout=60s');

DMP::run();

__DATA__

=== TEST 1: the link is lost between a code and its session
--- error_log
dmp store is unavailable
dmp store
--- code
($Who, $Password, $Token) = signed_in($Martin);
@Durand = signed_in($Durand, traits => traits(family => 'DURAND'));
for my $how ('lost-open', 'close-open', 'lost-try') {
    anew();
    my $challenge = try_password($Who, $Password)->{json}{challenge};
    my $code = code_of();
    my $before = sessions_of($Token);
    my $mark = trace_mark();
    failing($how, sub { try_code($challenge, $code) });
    is(scalar(grep { $_->{body}{decision} eq 'allow' } trace($mark, qr/^session$/)),
        $how eq 'lost-open' ? 1 : 0, "$how: what the store has of it is in the trace");
    is(scalar(CORE::keys %{ sessions_of($Token) }) - CORE::keys %$before,
        $how eq 'lost-open' ? 1 : 0, "$how: a session is there with its entry, or neither");
    is_refusal(try_code($challenge, $code), "$how: the code again", 401, 'code-rejected');
    is(me($Token, GET => '')->{status}, 200, "$how: who was signed in is");
    anew();
    ok(session($Who, $Password), "$how: and they sign in anew");
}
verify_trace();
pass('the trace is whole');



=== TEST 2: a new password, and the link is lost before it is written, or after
--- error_log
dmp store is unavailable
dmp store
--- code
my $told = sub { scalar grep { $_->{k} eq 'password-changed' } messages() };
anew();
my $before = $told->();
my @call = recovered($Who, 'une autre phrase que je retiens');
failing('close-only', sub { api('none', @call) });
anew();
is_refusal(try_password($Who, 'une autre phrase que je retiens'),
    'before: it is not the new one', 401, 'credentials-rejected');
is(try_password($Who, $Password)->{status}, 202, 'before: but the old one');
is(me($Token, GET => '')->{status}, 200, 'before: who was signed in is');
is($told->(), $before, 'before: nobody is told of another');
anew();
@call = recovered($Who, 'une autre phrase que je retiens');
failing('lost-only', sub { api('none', @call) });
anew();
is_refusal(try_password($Who, $Password), 'after: it is not the old one', 401,
    'credentials-rejected');
$Password = 'une autre phrase que je retiens';
is(try_password($Who, $Password)->{status}, 202, 'after: but the new one');
is($told->(), $before + 1, 'after: and they are told so');
is_refusal(me($Token, GET => ''), 'and all sessions have ended', 401, 'token-rejected');
$Token = session($Who, $Password);
verify_trace();
pass('the trace is whole');



=== TEST 3: a sign-out of which the answer is lost is one all the same
--- error_log
dmp store is unavailable
dmp store
--- code
anew();
my $token = session($Who, $Password);
failing('lost-end', sub { api('none', DELETE => '/api/session', undef,
    headers => [bearer($token)]) });
is_refusal(me($token, GET => ''), 'dead', 401, 'token-rejected');
is(api('none', DELETE => '/api/session', undef, headers => [bearer($token)])->{status}, 204,
    'asked for again it is acknowledged');



=== TEST 4: the store dies between a code and its session, and comes back
--- dmp
(redis => DMP::redis_address() . ' timeout=30s')
--- error_log
dmp store
--- code
anew();
my $challenge = try_password($Who, $Password)->{json}{challenge};
my $code = code_of();
my ($worker) = worker_pids();
DMP::stop_redis('KILL');
is_refusal(try_code($challenge, $code), 'it is gone', 503, 'trace-unavailable');
is_refusal(try_password($Who, $Password), 'nobody signs in', 503, 'trace-unavailable');
is_refusal(me($Token, GET => ''), 'nor reads', 503, 'trace-unavailable');
is_refusal(api('none', DELETE => '/api/session', undef, headers => [bearer($Token)]),
    'nor leaves', 503, 'trace-unavailable');
DMP::start_redis();
served();
is(try_code($challenge, $code)->{status}, 200, 'back: the code is good still');
is(me($Token, GET => '')->{status}, 200, 'who was signed in is');
is_deeply([worker_pids()], [$worker], 'the same worker');
verify_trace();
pass('the trace is whole');



=== TEST 5: it dies, or the client leaves, or the worker is told to, while passwords are looked at
--- dmp
(redis => DMP::redis_address() . ' timeout=30s')
--- error_log
dmp store
--- code
anew();
my ($worker) = worker_pids();
my @sockets = map { connected() } 1 .. 12;
kill 'STOP', $worker;
syswrite $sockets[$_], post('session', { identifier => "nobody$_", password => 'une phrase' })
    for 0 .. $#sockets;
my $n = @{ redis('KEYS', 'dmp:attempt:*') };
kill 'CONT', $worker;
# their tries are counted: what comes next is the account, and the derivation
wait_for { @{ redis('KEYS', 'dmp:attempt:*') } >= $n + 12 } 'their tries';
DMP::stop_redis('KILL');
my @answers = map { sent_on($_) } @sockets;
is(scalar(grep { $_->{status} == 401 || $_->{status} == 503 } @answers), 12,
    'each is answered: ' . statuses(@answers));
ok(scalar(grep { $_->{status} == 503 } @answers), 'not all were done before');
DMP::start_redis();
served();
anew();
is(try_password($Who, $Password)->{status}, 202, 'then it goes on');
is_deeply([worker_pids()], [$worker], 'by the same worker');
# they leave
for my $round (1 .. 3) {
    anew();
    my @gone = map { connected() } 1 .. 12;
    syswrite $gone[$_], post('session', { identifier => "gone$_", password => 'une phrase' })
        for 0 .. $#gone;
    wait_for { @{ redis('KEYS', 'dmp:attempt:*') } >= 12 } 'their tries';
    my $log = log_mark();
    for (@gone) {
        $_->sockopt(IO::Socket::SO_LINGER(), pack 'ii', 1, 0) if $round > 1;
        $_->close(SSL_no_shutdown => 1);
    }
}
anew();
wait_for { try_password($Who, $Password)->{status} == 202 } 'room for one more', 15;
is_deeply([worker_pids()], [$worker], 'by the same worker still');
# it is told to leave
anew();
my @late = map { connected() } 1 .. 8;
syswrite $late[$_], post('session', { identifier => "late$_", password => 'une phrase' })
    for 0 .. $#late;
wait_for { @{ redis('KEYS', 'dmp:attempt:*') } >= 8 } 'their tries';
my $log = log_mark();
reload();
@answers = map { sent_on($_) } @late;
is(statuses(@answers), '401 8', 'the old worker answers them');
wait_for { !grep { $_ == $worker } worker_pids() } 'its end', 20;
ok(eval { logged($log, qr/worker process $worker exited with code 0/) }, 'it ends as it should');
verify_trace();
pass('the trace is whole');



=== TEST 6: sign-out, a new password, closing: in the store it holds, and it is acknowledged no sooner
--- dmp
(redis => DMP::redis_address() . ' timeout=60s')
--- code
anew();
my @ends = (
    ['sign-out', sub { (DELETE => '/api/session', undef, bearer($_[0])) }],
    ['sign-out by the cookie', sub { (DELETE => '/api/session', undef,
        "Cookie: __Host-dmp-session=$_[0]", 'DMP-Request: 1') }],
    ['closing', sub { (PUT => '/api/records/me/status', { status => 'closed' }, bearer($_[0])) }]);
my @tokens = map { session($Who, $Password) } @ends;
for_ever();
my @asked;
for my $n (0 .. $#ends) {
    my ($name, $call) = @{ $ends[$n] };
    my ($key, $id) = session_key_of($tokens[$n]);
    push @asked, asked($call->($tokens[$n]));
    wait_for { !redis('HEXISTS', $key, $id) } "$name in the store";
    is_refusal(me($tokens[$n], GET => ''), "$name: dead", 401, 'token-rejected');
    is(come($asked[-1]), '', "$name: not acknowledged");
}
is(join('', map { come($_) } @asked), '', 'none of them so far');
$_->{socket}->close(SSL_no_shutdown => 1) for @asked;
my ($log, $worker) = (log_mark(), worker_pids());
as_usual();
ok(eval { logged($log, qr/worker process $worker exited with code 0/) },
    'no timer of a client that has left holds the worker');
anew();
$Token = session($Who, $Password);
is(me($Token, PUT => '/status', { status => 'open' })->{status}, 200, 'open again');
my @call = recovered($Who, 'le corbeau et le renard, perchés');
for_ever();
my ($method, $path, $body) = @call;
my $changed = asked($method, $path, $body);
wait_for { redis('HGET', (session_key_of($Token))[0], (session_key_of($Token))[1]) ? 0 : 1 }
    'a new password in the store';
is_refusal(me($Token, GET => ''), 'a new password: dead', 401, 'token-rejected');
is(come($changed), '', 'a new password: not acknowledged');
$changed->{socket}->close(SSL_no_shutdown => 1);
as_usual();
anew();
$Password = 'le corbeau et le renard, perchés';
$Token = session($Who, $Password);
ok($Token, 'it is the new one');



=== TEST 7: an answer of the host that comes after the sign-out was acknowledged
--- dmp
(backend => $main::Host->{address}, location => 'dmp_record_host slow;',
    redis => DMP::redis_address() . ' timeout=60s')
--- code
ends('sign-out', sub { session($Who, $Password) }, sub {
    api('none', DELETE => '/api/session', undef, headers => [bearer($_[0])]) }, 204);
# another session of theirs: the answer leaves
anew();
my ($one, $other) = map { session($Who, $Password) } 1 .. 2;
my $request = forwarding($one, $Search, '1.1');
is(api('none', DELETE => '/api/session', undef, headers => [bearer($other)])->{status}, 204,
    'another session ends');
open_gate();
is(unparked($request)->{status}, 200, 'that one goes on');
verify_trace();
pass('the trace is whole');



=== TEST 8: the same, after a new password, and after closing
--- dmp
(backend => $main::Host->{address}, location => 'dmp_record_host slow;',
    redis => DMP::redis_address() . ' timeout=60s')
--- code
my $n = 0;
ends('a new password', sub { session($Who, $Password) }, sub {
    $Password = 'la cigale ayant chanté ' . ++$n;
    anew();
    return api('none', recovered($Who, $Password));
}, 200);
open_gate();
as_usual();
for my $http ('1.1', '2') {
    anew();
    my $token = session($Who, $Password);
    my $request = forwarding($token, $Search, $http);
    is(me($token, PUT => '/status', { status => 'closed' })->{status}, 200, 'closed');
    is(slurp($request->{out}), '', 'nothing came so far');
    open_gate();
    my $r = unparked($request);
    ok($r->{status} == 401 || $r->{status} == 403, "refused: $r->{status}");
    unlike($r->{body}, qr/secret/, 'nothing leaves');
    anew();
    is(me(session($Who, $Password), PUT => '/status', { status => 'open' })->{status}, 200,
        'open again');
}
verify_trace();
pass('the trace is whole');



=== TEST 9: and of a representative, who has signed out on their own account
--- dmp
(backend => $main::Host->{address}, location => 'dmp_record_host slow;',
    redis => DMP::redis_address() . ' timeout=60s')
--- code
import_records({ %{ record($Martin) }, representatives => [{ ins => $Durand,
    until => '2090-01-01' }] });
ends('a representative', sub { session(@Durand[0, 1]) }, sub {
    api('none', DELETE => '/api/session', undef, headers => [bearer($_[0])]) }, 204);
# their own record is closed meanwhile
for my $http ('1.1', '2') {
    anew();
    my $token = session(@Durand[0, 1]);
    my $request = forwarding($token, $Search, $http);
    is(me($token, PUT => '/status', { status => 'closed' })->{status}, 200, 'closed');
    open_gate();
    my $r = unparked($request);
    is($r->{status}, 401, 'their own record is closed: refused');
    unlike($r->{body}, qr/secret/, 'nothing leaves');
    anew();
    is(me(session(@Durand[0, 1]), PUT => '/status', { status => 'open' })->{status}, 200,
        'open again');
}
verify_trace();
pass('the trace is whole');



=== TEST 10: what is let out before is let out, and the sign-out waits
--- dmp
(backend => $main::Host->{address}, location => 'dmp_record_host slow;',
    redis => DMP::redis_address() . ' timeout=60s')
--- code
anew();
my $token = session($Who, $Password);
open_gate();
for_ever();
my $request = forwarding($token, $Search, '1.1');
my ($key, $id) = session_key_of($token);
my $asked = asked(DELETE => '/api/session', undef, bearer($token));
wait_for { !redis('HEXISTS', $key, $id) } 'the end of the session';
open_gate();
is(unparked($request)->{status}, 200, 'the answer is let out');
is(come($asked), '', 'the sign-out is not acknowledged yet');
$asked->{socket}->close(SSL_no_shutdown => 1);
as_usual();



=== TEST 11: the store's clock has gone back, or on
--- dmp
(redis => DMP::redis_address() . ' timeout=30s')
--- code
anew();
my $token = session($Who, $Password);
my ($key, $id) = session_key_of($token);
my $day = 86_400_000;
redis('HSET', $key, $id, join ' ', store_ms() + $day, store_ms() + $day + 8 * 3_600_000);
is(me($token, GET => '')->{status}, 200, 'back by a day: it lives');
ok((split ' ', redis('HGET', $key, $id))[0] <= store_ms() + 900_000, 'as long as it is used');
redis('HSET', $key, $id, join ' ', store_ms() - $day, store_ms() - $day + 8 * 3_600_000);
is_refusal(me($token, GET => ''), 'on by a day: it is over', 401, 'token-rejected');
is_refusal(try_password($Who, 'une autre phrase, fausse'), 'a wrong password', 401,
    'credentials-rejected');
my ($tries) = @{ redis('KEYS', 'dmp:attempt:*') };
redis('HSET', $tries, 'n', 40, 'at', store_ms() + $day);
is(try_password($Who, $Password)->{status}, 202, 'tries of tomorrow hold nobody');



=== TEST 12: a code, and the password is replaced before the session is there
The account was read before; the session would have been one of the old password.
--- dmp
(redis => $main::Fake->address . ' timeout=60s')
--- code
anew();
for_ever();
my $challenge = try_password($Who, $Password)->{json}{challenge};
my $code = code_of();
my $sessions = sessions_of($Token);
my ($asked, @words) = held('session-open', POST => '/api/session/code',
    { challenge => $challenge, code => $code });
my ($login) = grep { /^dmp:login:/ } @words;
my $version = redis('HGET', $login, 'v');
redis('HSET', $login, 'v', $version + 1);
$Fake->off('held-session-open');
my $r = answer($asked);
is("$r->{status} $r->{json}{reason}", '401 code-rejected', 'it is none any more');
is_deeply(sessions_of($Token), $sessions, 'no session is there');
redis('HSET', $login, 'v', $version);
as_usual();
verify_trace();
pass('the trace is whole');



=== TEST 13: a representative signs out while what they ask for is on its way
The link stalls: their session is looked at, then it ends elsewhere, and that
would have been acknowledged.
--- dmp
(redis => $main::Fake->address . ' timeout=60s')
--- code
DMP::import_records({ %{ record($Martin) }, representatives => [{ ins => $Durand,
    until => '2090-01-01' }] });
as_usual();
my $rec = (session_key_of($Token))[0] =~ s/:sess:/:rec:/r;
for my $try (['change', PUT => "/api/records/$Martin/blocks/$Petit", undef],
    ['trace', GET => "/api/records/$Martin", undef])
{
    my ($what, @call) = @$try;

    anew();
    my $token = session(@Durand[0, 1]);
    my ($key, $id) = session_key_of($token);
    my ($before, $mark) = (redis('HGETALL', $rec), trace_mark());
    my ($asked) = held($what, @call, bearer($token));
    redis('HDEL', $key, $id);
    my $acknowledged = store_ms() + 250;
    wait_for { store_ms() > $acknowledged } 'the deadline, in the store';
    $Fake->off("held-$what");
    is(answer($asked)->{status}, 503, "$what: it came too late");
    served();
    is_deeply(redis('HGETALL', $rec), $before, "$what: nothing has changed");
    my ($left) = grep { $_->{body}{kind} ne 'session' && ($_->{body}{actor}{kind} // '')
        eq 'representative' } trace($mark);
    is($left->{outcome}, $what eq 'change' ? '0' : '1', "$what: but is traced");
    anew();
    is(answer(asked(@call, bearer(session(@Durand[0, 1])), 'Connection: close'))->{status}, 200,
        "$what: signed in they may");
}
verify_trace();
pass('the trace is whole');



=== TEST 14: a store so slow that the session must be looked at again: once
--- dmp
(redis => $main::Fake->address . ' timeout=60s')
--- code
DMP::import_records({ %{ record($Martin) }, representatives => [{ ins => $Durand,
    until => '2090-01-01' }] });
deadline(2000);
anew();
my ($token, $mark) = (session(@Durand[0, 1]), trace_mark());
my $left = sub { return map { { %$_, what => "$_->{body}{kind} $_->{outcome}" } }
    grep { ($_->{body}{actor}{kind} // '') eq 'representative' } trace($mark) };
$Fake->on('slow-check');
my ($asked) = held('change', PUT => "/api/records/$Martin/blocks/$Petit", undef, bearer($token));
my ($ms) = map { $_->{id} =~ /^(\d+)/ } $left->();
wait_for { store_ms() > $ms + 2000 } 'what it says to be too old, in the store';
$Fake->off('slow-check');
$Fake->off('held-change');
is(answer($asked)->{status}, 200, 'then it is done');
is_deeply([sort map { $_->{what} } $left->()], ['change 0', 'change R', 'session 1', 'session 1'],
    'the session is looked at again, and then it is');
as_usual();
verify_trace();
pass('the trace is whole');
