# Whoever attacks a sign-in: guesses passwords and codes, asks for all at once,
# makes tokens of their own, shows those that are over.  What a try costs the
# store and how long it takes does not say whether an account is there.

use strict;
use warnings;
use utf8;

use lib 't/lib';
use DMP;
use MIME::Base64 qw(encode_base64url decode_base64url);
use Patient qw(patients created messages code_of signed_in bearer session
    try_password try_code me traits first_password);
use Rights qw($Martin $Durand $Paoli $System $Search $True $False api is_refusal
    record $Petit);
use SignIn qw(from post connected sent_on together store_ms tries forget_tries
    session_key_of sessions_of token_parts signed_by hs256 new_key public_key
    commands_of answered_with statuses);
use Test::More;
use Time::HiRes ();

our ($Who, $Password, $Token);

# Files whose content the tests change: what the configuration names stays.
our ($One, $Two);

sub put_keys
{
    my ($first, $second) = @_;

    DMP::command('cp', $first, $One);
    DMP::command('cp', $second, $Two);
}

# nginx reads them anew; nobody is served by an old worker any more.
sub with_keys
{
    put_keys(@_);
    reload();
    wait_for { worker_pids() == 1 } 'one worker', 20;
}

sub http
{
    my ($rate, $more) = @_;

    return "dmp_directory_valid 0; dmp_session_key $One $Two; dmp_signin_rate $rate;"
        . ($more // '');
}

sub wrong { return try_password($_[0] // $Who, 'une autre phrase, fausse', @_[1 .. $#_]) }

# Tries of this account from this address, as if there had been so many.
sub tried
{
    my ($n, $ms_ago) = @_;

    my @keys = tries();
    die "not one that is counted: @keys\n" if @keys != 1;
    redis('HSET', $keys[0], 'n', $n, 'at', store_ms() - $ms_ago);
}

# Codes that are not that one.
sub others { return map { sprintf '%06d', ("$_[0]" + $_) % 1_000_000 } 1 .. $_[1] }

# What is known of whom it concerns, in the trace since that mark.
sub counted
{
    my ($mark) = @_;

    return grep { defined $_->{body}{patient} } trace($mark, qr/^session$/);
}

our %Key = map { $_ => new_key($_) } qw(first second third);
our %Public = map { $_ => public_key($Key{$_}) } CORE::keys %Key;

($One, $Two) = map { DMP::Proc::dir() . "/$_" } qw(one.key two.pub);
put_keys($Key{first}, $Public{third});

patients();
DMP::configure(http => http('10000r/m burst=10000'));

DMP::run();

__DATA__

=== TEST 1: tries of one account from one address wait longer and longer
No delay is waited for: the store's count is put where it is to be.
--- code
($Who, $Password, $Token) = signed_in($Martin);
forget_tries();
is_refusal(wrong(), "free try $_", 401, 'credentials-rejected') for 1 .. 5;
my %after;
for my $n (8 .. 11, 1000, 100_000_000) {
    tried($n, 0);
    my $r = wrong();
    is_refusal($r, "after $n tries", 429, 'too-many-attempts');
    $after{$n} = $r->{headers}{'retry-after'};
    my $most = $n < 11 ? 2 ** ($n - 5) : 60;
    ok($after{$n} > 0 && $after{$n} <= $most, "after $n: $after{$n} s, at most $most");
}
ok($after{11} > $after{8}, 'they grow');
my $r = try_password($Who, $Password);
is_refusal($r, 'the right password waits as well', 429, 'too-many-attempts');
is(answered_with($r) =~ s/\d+/N/gr, answered_with(wrong()) =~ s/\d+/N/gr,
    'and is not told from a wrong one');
my ($n) = redis('HGET', (tries())[0], 'n');
is($n, 100_000_000, 'what is not let through is not counted');
is_refusal(wrong($Who, from('127.0.0.2')), 'from elsewhere', 401, 'credentials-rejected');
is(try_password($Who, $Password, from('127.0.0.2'))->{status}, 202,
    'who is elsewhere signs in');



=== TEST 2: nothing is locked for ever, and success ends it
--- code
forget_tries();
is_refusal(wrong(), 'one to begin with', 401, 'credentials-rejected');
tried(100_000_000, 60_001);
is_refusal(wrong(), 'a minute later', 401, 'credentials-rejected');
tried(50, 60_001);
my $r = try_password($Who, $Password);
is($r->{status}, 202, 'the right one');
isnt(redis('HGET', (tries())[0], 'n') // 0, 0, 'a password alone resets nothing');
is(try_code($r->{json}{challenge}, code_of())->{status}, 200, 'the code does');
is(scalar(tries()), 0, 'nothing is counted');
is_refusal(wrong(), "free again $_", 401, 'credentials-rejected') for 1 .. 5;
# by a store whose clock went back
tried(50, -3_600_000);
is_refusal(wrong(), 'a last try that is to come', 401, 'credentials-rejected');
# of nobody, alike
forget_tries();
is_refusal(wrong('ABCDEFGHJKMN'), "of nobody $_", 401, 'credentials-rejected') for 1 .. 5;
tried(20, 0);
is_refusal(wrong('ABCDEFGHJKMN'), 'of nobody', 429, 'too-many-attempts');
forget_tries();
is_refusal(wrong(), 'of somebody', 401, 'credentials-rejected');
tried(20, 0);
is_refusal(wrong(lc($Who) =~ s/(....)/$1- /gr), 'however it is typed', 429, 'too-many-attempts');
forget_tries();



=== TEST 3: an address may ask so often, for whatever
--- dmp
(http => main::http('1r/m burst=3'))
--- code
my $mark = trace_mark();
is_refusal(wrong('ABCDEFGHJKMN'), "try $_", 401, 'credentials-rejected') for 1 .. 4;
my @calls = ([session => { identifier => $Who, password => $Password }],
    ['session/code' => { challenge => 'x' x 22, code => '000000' }],
    ['session/password' => { challenge => 'x' x 22, new_password => 'les sanglots longs 1866' }],
    ['session/recovery' => { identifier => $Who }]);
my $sent = () = messages();
for (@calls) {
    my ($path, $body) = @$_;
    my $r = api('none', POST => "/api/$path", $body);
    is_refusal($r, $path, 429, 'too-many-attempts');
    my $after = $r->{headers}{'retry-after'};
    ok($after > 0 && $after <= 61, "$path: when to try again");
}
is(scalar(() = messages()), $sent, 'nobody is written to');
is(scalar(() = counted($mark)), 4, 'four were looked at');
ok(scalar(() = trace($mark, qr/^session$/)) < 4 + @calls, 'the others are counted, not told one by one');
is(try_password($Who, $Password, from('127.0.0.3'))->{status}, 202, 'another address');
is(api('none', DELETE => '/api/session', undef, headers => [bearer($Token)])->{status}, 204,
    'to leave, nobody waits');
$Token = session_from('127.0.0.4');
ok($Token, 'nor who comes from elsewhere');

sub session_from
{
    my ($address) = @_;

    my $r = try_password($Who, $Password, from($address));
    return try_code($r->{json}{challenge}, code_of(), from($address))->{json}{access_token};
}



=== TEST 4: tries of one code at the same time: three are counted
--- code
for my $round (1 .. 4) {
    forget_tries();
    my $challenge = try_password($Who, $Password)->{json}{challenge};
    my $code = code_of();
    my $mark = trace_mark();
    my @answers = together(map { post('session/code',
        { challenge => $challenge, code => $_ }) } others($code, 12));
    is(statuses(@answers), '401 12', "round $round: all wrong");
    is(scalar(() = counted($mark)), 3, "round $round: three are counted");
    is_refusal(try_code($challenge, $code), "round $round: the right one, too late", 401,
        'code-rejected');
    is(scalar(() = counted($mark)), 3, "round $round: it is not counted");
}
for my $round (1 .. 4) {
    forget_tries();
    my $challenge = try_password($Who, $Password)->{json}{challenge};
    my $code = code_of();
    my $mark = trace_mark();
    my @answers = together(map { post('session/code',
        { challenge => $challenge, code => $code }) } 1 .. 12);
    is(statuses(@answers), '200 1, 401 11', "round $round: all right: it matches once");
    my @counted = counted($mark);
    is(scalar(@counted), 3, "round $round: three are counted");
    is(scalar(grep { $_->{body}{decision} eq 'allow' } @counted), 1, "round $round: one is allowed");
    my ($token) = map { $_->{json}{access_token} } grep { $_->{status} == 200 } @answers;
    is(me($token, GET => '')->{status}, 200, "round $round: and opens");
}
for my $place (0 .. 5) {
    forget_tries();
    my $challenge = try_password($Who, $Password)->{json}{challenge};
    my $code = code_of();
    my $mark = trace_mark();
    my @codes = others($code, 11);
    splice @codes, $place, 0, $code;
    my @answers = together(map { post('session/code',
        { challenge => $challenge, code => $_ }) } @codes);
    my @opened = grep { $answers[$_]{status} == 200 } 0 .. $#answers;
    ok(!@opened || "@opened" eq $place, "the right one as number $place: it opens, or none");
    is(scalar(grep { $_->{status} == 401 } @answers), 12 - @opened, 'all others are refused');
    is(scalar(() = counted($mark)), 3, 'three are counted');
}
verify_trace();
pass('the trace is whole');



=== TEST 5: what waits for a thread is so many; who comes then comes again
--- code
forget_tries();
my @requests = map { post('session', { identifier => 'nobody' . $_,
    password => 'une phrase, fausse' }) } 1 .. 100;
my @answers = together(@requests);
my ($busy) = grep { $_->{status} == 429 } @answers;
ok($busy, 'some are told to come again: ' . statuses(@answers));
is($busy->{headers}{'retry-after'}, 1, 'soon');
is($busy->{json}{reason}, 'too-many-attempts', 'why');
my $looked_at = grep { $_->{status} == 401 } @answers;
ok($looked_at >= 16, 'as many as may wait were looked at');
is(scalar(grep { $_->{status} == 401 || $_->{status} == 429 } @answers), 100, 'no other answer');
is(try_password($Who, $Password)->{status}, 202, 'and then there is room');
# whoever leaves meanwhile takes no room with them
for my $round (1 .. 4) {
    my @sockets = map { connected() } 1 .. 16;
    my $mark = trace_mark();
    for my $n (0 .. $#sockets) {
        syswrite $sockets[$n], post('session', { identifier => "gone$round-$n",
            password => 'une phrase, fausse' });
        $sockets[$n]->close(SSL_no_shutdown => 1);
    }
}
my ($worker) = worker_pids();
wait_for { try_password($Who, $Password)->{status} == 202 } 'room for one more', 15;
is_deeply([worker_pids()], [$worker], 'by the same worker');
forget_tries();



=== TEST 6: a new key: who is signed in stays; an old one that is taken away is none
--- code
forget_tries();
my $old = session($Who, $Password);
my ($head) = token_parts($old);
with_keys($Key{second}, $Public{first});
is(me($old, GET => '')->{status}, 200, 'a token of the old key');
my $new = session($Who, $Password);
my ($head_new) = token_parts($new);
isnt($head_new->{kid}, $head->{kid}, 'new ones are of the new one');
is(me($new, GET => '')->{status}, 200, 'and good');
is(api('none', POST => '/api/session', { identifier => $Who, password => $Password },
    headers => [bearer($old)])->{status}, 202, 'an old token is no hindrance');
with_keys($Key{second}, $Public{third});
is_refusal(me($old, GET => ''), 'the old key is gone', 401, 'token-rejected');
is(me($new, GET => '')->{status}, 200, 'the new one is there');
with_keys($Key{first}, $Public{second});
is(me($_, GET => '')->{status}, 200, 'both, in the other order') for $old, $new;
with_keys($Key{first}, $Public{third});
is_refusal(me($new, GET => ''), 'taken away', 401, 'token-rejected');
$Token = $old;
is(me($Token, GET => '')->{status}, 200, 'the first one again');



=== TEST 7: tokens that somebody has made
--- code
my ($head, $claims) = token_parts($Token);
my ($h, $c, $s) = split /\./, $Token;
my ($h_text, $c_text) = map { decode_base64url($_) } $h, $c;
my $key = $Key{first};
is(me(signed_by($key, $h_text, $c_text), GET => '')->{status}, 200,
    'what the gateway would sign is taken');
my %other = %{ (token_parts(session($Who, $Password)))[1] };
my $public = slurp($Public{first});
my %bad = (
    'another key, its own name' => signed_by($Key{second}, $h_text, $c_text),
    'a key that verifies nothing of ours' => signed_by($Key{second},
        { %$head, kid => 'ffffffff' }, $claims),
    'a key that only verifies' => signed_by($Key{third}, $h_text, $c_text),
    'the name of the key that verifies' => signed_by($key,
        { %$head, kid => 'ffffffff' }, $claims),
    'no name of a key' => signed_by($key, { alg => 'ES256', typ => 'JWT' }, $claims),
    'no algorithm' => encode_base64url('{"alg":"none","typ":"JWT","kid":"'
        . "$head->{kid}\"}") . ".$c.$s",
    'none, in capitals' => encode_base64url('{"alg":"NONE","typ":"JWT","kid":"'
        . "$head->{kid}\"}") . ".$c.",
    'HS256 with the public key' => hs256($public, { %$head, alg => 'HS256' }, $claims),
    'HS256 with it, without its end of line' => hs256($public =~ s/\n\z//r,
        { %$head, alg => 'HS256' }, $claims),
    'HS256 with nothing' => hs256('', { %$head, alg => 'HS256' }, $claims),
    'ES256, and HS256 in truth' => hs256($public, $h_text, $c_text),
    'ES384' => signed_by($key, { %$head, alg => 'ES384' }, $claims),
    'the algorithm twice' => signed_by($key, '{"alg":"none",' . substr($h_text, 1), $c_text),
    'the name twice' => signed_by($key, '{"kid":"x",' . substr($h_text, 1), $c_text),
    'a key in the header' => signed_by($key, { %$head, jwk => {} }, $claims),
    'what is critical' => signed_by($key, { %$head, crit => ['b64'], b64 => $False }, $claims),
    'the holder twice' => signed_by($key, $h_text, '{"sub":"' . 'A' x 22 . '",' . substr($c_text, 1)),
    'the holder twice, ours last' => signed_by($key, $h_text,
        substr($c_text, 0, -1) . ",\"sub\":\"$claims->{sub}\"}"),
    'the session twice' => signed_by($key, $h_text, '{"jti":"' . 'A' x 22 . '",' . substr($c_text, 1)),
    'a claim more' => signed_by($key, $h_text, { %$claims, admin => $True }),
    'another holder' => signed_by($key, $h_text, { %$claims, sub => 'A' x 22 }),
    'another session' => signed_by($key, $h_text, { %$claims, jti => $other{jti} }),
    'the number of another token' => signed_by($key, $h_text, { %$claims, ins => $other{ins} }),
    'another moment' => signed_by($key, $h_text, { %$claims, iat => $claims->{iat} - 1 }),
    'over' => signed_by($key, $h_text, { %$claims, exp => time - 1 }),
    'of tomorrow' => signed_by($key, $h_text, { %$claims, nbf => time + 86400 }),
    'for others' => signed_by($key, $h_text, { %$claims, aud => 'x' }),
    'by others' => signed_by($key, $h_text, { %$claims, iss => 'x' }),
    'times that are text' => signed_by($key, $h_text, { %$claims, exp => "$claims->{exp}" }),
    'times that are not whole' => signed_by($key, $h_text,
        $c_text =~ s/"exp":(\d+)/"exp":$1.5/r),
    'a list' => signed_by($key, $h_text, "[$c_text]"),
    'a word behind' => signed_by($key, $h_text, "$c_text x"),
    'padded' => "$h.$c=.$s", 'in other letters' => "$h.$c." . ($s =~ tr{-_}{+/}r) . '=',
);
for my $name (sort { $a cmp $b } CORE::keys %bad) {
    my $r = me($bad{$name}, GET => '');
    is_refusal($r, $name, 401, 'token-rejected');
}
is(me($Token, GET => '')->{status}, 200, 'the good one is good still');
is_refusal(api('none', GET => "/api/records/me?access_token=$Token"), 'not in the address',
    401, 'authentication-required');



=== TEST 8: a session ends by itself: of idleness, and at its limit
What the store keeps of it is put into the past.
--- code
forget_tries();
my ($key, $id) = session_key_of($Token);
my $hour = 3_600_000;
my $now = store_ms();
my $set = sub { redis('HSET', $key, $id, join ' ', @_) };
my $gone = sub {
    my ($name) = @_;
    my $mark = trace_mark();
    is_refusal(me($Token, GET => ''), $name, 401, 'token-rejected');
    is(join(' ', map { $_->{outcome} } trace($mark)), '0 1', "$name: seen in its own commit");
};
$set->($now - 1, $now + $hour);
$gone->('idle for too long');
$set->($now + $hour, $now - 1);
$gone->('beyond its limit');
$set->($now - $hour, $now - $hour);
$gone->('both');
redis('HSET', $key, $id, 'x');
$gone->('what cannot be read');
$set->($now + 60_000, $now + $hour);
is(me($Token, GET => '')->{status}, 200, 'one that lives');
my ($idle, $limit) = split ' ', redis('HGET', $key, $id);
ok($idle >= $now + 14 * 60_000, 'its use makes it live longer');
is($limit, $now + $hour, 'not beyond its limit');
$set->($now + 60_000, $now + 2 * 60_000);
is(me($Token, GET => '')->{status}, 200, 'near the limit');
ok((split ' ', redis('HGET', $key, $id))[0] <= $now + 2 * 60_000, 'it goes no further');
# the store's clock went back by a day meanwhile
$set->($now + 24 * $hour, $now + 32 * $hour);
is(me($Token, GET => '')->{status}, 200, 'after a clock that went back');
ok((split ' ', redis('HGET', $key, $id))[0] <= store_ms() + 15 * 60_000,
    'idleness counts from now on');
redis('HDEL', $key, $id);
$gone->('not there');
redis('DEL', $key);
$gone->('none of them there');



=== TEST 9: at most sixteen sessions: the oldest goes
--- code
my @tokens;
for (1 .. 17) {
    forget_tries();
    push @tokens, session($Who, $Password);
}
my $all = sessions_of($tokens[0]);
is(scalar(CORE::keys %$all), 16, 'sixteen');
is(scalar(grep { me($_, GET => '')->{status} == 200 } @tokens), 16, 'live');
is_refusal(me($tokens[0], GET => ''), 'the first one', 401, 'token-rejected');
$Token = $tokens[-1];
api('none', DELETE => '/api/session', undef, headers => [bearer($_)]) for @tokens[1 .. 15];
is(scalar(CORE::keys %{ sessions_of($Token) }), 1, 'those who leave leave nothing');
verify_trace();
pass('the trace is whole');



=== TEST 10: what a try asks of the store does not say whose account it is
--- code
my ($none) = map { $_->{json}{identifier} } created($Durand,
    traits => traits(family => 'DURAND'), contact => {});
my ($closed, $secret, $token) = signed_in($Paoli, traits => traits(family => 'PAOLI'));
is(me($token, PUT => '/status', { status => 'closed' })->{status}, 200, 'one is closed');
my %try = ('nobody' => 'ABCDEFGHJKMN', 'no identifier at all' => 'x',
    'long' => 'z' x 64, 'known' => $Who, 'of a record without contact' => $none,
    'of a record that is closed' => $closed);
my (%asked, %said, %left, %recovery, %told);
for my $name (CORE::keys %try) {
    forget_tries();
    my ($mark, $sent) = (trace_mark(), scalar(() = messages()));
    my $r;
    $asked{$name} = join "\n", commands_of(sub { $r = wrong($try{$name}) });
    is_refusal($r, $name, 401, 'credentials-rejected');
    is(scalar(() = messages()), $sent, "$name: no message");
    $said{$name} = answered_with($r);
    $left{$name} = join '; ', map { my $e = $_; join ' ', $e->{outcome},
        grep { $_ ne 'ack' }
            sort { $a cmp $b } CORE::keys %{ $e->{body} } } trace($mark);
    forget_tries();
    $recovery{$name} = join "\n", map { s/ \d+$//r } commands_of(sub { $r = api('none',
        POST => '/api/session/recovery', { identifier => $try{$name} }) });
    is($r->{status}, 202, "$name: recovery");
    $told{$name} = answered_with($r);
}
like($asked{known}, qr/dmp1_attempt attempt.*\nHMGET login.*\nFCALL dmp1_session trace/, 'three commands');
for my $name (grep { $_ ne 'nobody' } CORE::keys %try) {
    is($asked{$name}, $asked{nobody}, "$name: the same commands");
    is($said{$name}, $said{nobody}, "$name: the same answer");
    is($left{$name}, $left{nobody}, "$name: the same entry") if $name ne 'long';
    is($recovery{$name}, $recovery{nobody}, "$name: the same commands of recovery");
    is($told{$name}, $told{nobody}, "$name: the same answer to it");
}
# accounts whose record is no more
forget_tries();
my ($rec) = grep { redis('EXISTS', $_) } map { s/:sess:/:rec:/r } (session_key_of(session($Who, $Password)))[0];
my %kept = @{ redis('HGETALL', $rec) };
redis('DEL', $rec);
is($said{nobody}, answered_with(wrong()), 'of a record that is gone: a wrong password');
is_refusal(try_password($Who, $Password), 'a right one', 401, 'credentials-rejected');
my $sent = () = messages();
is(answered_with(api('none', POST => '/api/session/recovery', { identifier => $Who })),
    $told{nobody}, 'recovery');
is(scalar(() = messages()), $sent, 'nobody is written to');
redis('HSET', $rec, %kept);
forget_tries();
is(try_password($Who, $Password)->{status}, 202, 'and back');



=== TEST 11: nor does the time that it takes
Tries in turn, of an account and of none.  Of two samples of one distribution
the rank sum lies beyond the bound once in 10^10; a derivation left out shifts
all of it, as the last comparison shows.
--- code
sub took
{
    my ($socket, $request) = @_;

    my $from = Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC());
    syswrite $socket, $request;
    my $r = sent_on($socket);

    return ($r->{status},
        Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()) - $from);
}

# How often one of the first took longer than one of the second: 0 to 1.
sub longer
{
    my ($first, $second) = @_;

    my $n = 0;
    for my $x (@$first) {
        $n += $x > $_ ? 1 : $x == $_ ? 0.5 : 0 for @$second;
    }

    return $n / (@$first * @$second);
}

my %of = (known => $Who, nobody => 'ABCDEFGHJKMN');
my %sample;
my $socket = connected();
for my $round (1 .. 50) {
    forget_tries();
    for my $which ($round % 2 ? qw(known nobody) : qw(nobody known)) {
        my ($status, $took) = took($socket, post('session',
            { identifier => $of{$which}, password => 'une autre phrase, fausse' }));
        die "$which: $status\n" if $status != 401;
        push @{ $sample{$which} }, $took;
    }
    my ($status, $took) = took($socket, post('session/code',
        { challenge => 'x' x 22, code => '000000' }));
    die "a code: $status\n" if $status != 401;
    push @{ $sample{code} }, $took;
}
my $rank = longer($sample{known}, $sample{nobody});
ok($rank > 0.1 && $rank < 0.9, "an account and none: $rank");
$rank = longer($sample{known}, $sample{code});
ok($rank > 0.9, "what derives nothing is seen: $rank");
