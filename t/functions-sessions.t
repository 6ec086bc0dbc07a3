#!/usr/bin/perl

# What the function library does for patients' sessions, as gateways and tools
# call it: sessions, one-time codes, tries of passwords, logins.  Times are put
# back in the store rather than waited for.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(sha256);
use Test::More;

use DMP qw(wait_for);
use DMP::Redis ();

DMP::initialise_store();

my ($rec, $trace, $idx, $w, $closed, $sess, $outbox) = map { "{dmp:00}:$_" }
    'rec:PPPP', 'trace', 'idx:PPPP', 'w:W', 'closed', 'sess:PPPP', 'outbox';
my @signed = ($rec, $trace, $idx, $w, $closed, $sess);
my @session = ($trace, $idx, $w, $closed, $sess, $outbox);
my @change = ($rec, $trace, $idx, $w, $closed, $outbox, $sess);
my ($minute, $hour) = (60_000, 3_600_000);


# ------------------------------------------------------------------ helpers

my ($seq, $head) = (0, '');

# One call with the next entry of the chain; what goes before it and after:
# [1, id], [0, id, head, version, record, 'session'?], ['CHAIN', head], or the
# error's text.  Only what was appended moves the chain.
sub call
{
    my ($function, $keys, $before, @after) = @_;

    my $next = DMP::head(1, $seq + 1, sha256('entry ' . ($seq + 1)));
    my $answer = eval { DMP::redis('FCALL', $function, scalar @$keys, @$keys,
        @$before, $head, $next, '{}', @after) };

    return "$@" if !defined $answer;
    return $answer if ref $answer && $answer->[0] eq 'CHAIN';

    $answer = [1, split / /, $answer] if !ref $answer;
    is $answer->[2], $next, 'the answer is to this entry';
    $seq++;
    $head = $next;

    return $answer;
}

sub session { call('dmp1_session', \@session, [], @_) }
sub signed { call('dmp1_signed', \@signed, [$_[0]], @_[1 .. $#_]) }
sub change { call('dmp1_change', \@change, [$_[0]], @_[1 .. $#_]) }
sub look { DMP::redis('FCALL', 'dmp1_look', 1, $sess, $_[0]) }

sub now
{
    my ($s, $us) = @{ DMP::redis('TIME') };

    return $s * 1000 + int($us / 1000);
}

# [idle until, limit] of a session; or puts them.
sub lifetime
{
    my ($token, @times) = @_;

    DMP::redis('HSET', $sess, $token, "@times") if @times;

    return [split / /, DMP::redis('HGET', $sess, $token) // ''];
}

sub outcome { my %f = @{ DMP::redis('XRANGE', $trace, $_[0], $_[0])->[0][1] }; $f{o} }

sub told
{
    return [map { my %f = @{ $_->[1] }; [map { $_ // '-' } @f{qw(k p e s)}] }
        @{ DMP::redis('XRANGE', $outbox, '-', '+') }];
}

sub tokens { join ' ', sort @{ DMP::redis('HKEYS', $sess) } }

sub state_now
{
    return [told(), map { DMP::redis(@$_) } ['XLEN', $trace], ['HGETALL', $w],
        ['LLEN', $idx], ['HGETALL', $rec], ['EXISTS', $sess]];
}


# -------------------------------------------------------------- one session

my $before = now();
my $opened = session('open', 'aaa', 15 * $minute, 8 * $hour);
my $after = now();

is $opened->[0], 1, 'a session is opened';
is outcome($opened->[1]), 1, 'traced';
is unpack('H*', DMP::redis('LRANGE', $idx, -1, -1)->[0]),
    sprintf('%012x%04x', split /-/, $opened->[1]), 'in its holder\'s history';
is_deeply told(), [], 'nobody is told';

my ($idle, $limit) = @{ lifetime('aaa') };
cmp_ok $idle, '>=', $before + 15 * $minute, 'lives for its idle time';
cmp_ok $idle, '<=', $after + 15 * $minute, 'from now';
is $limit - $idle, 8 * $hour - 15 * $minute, 'and by use up to its limit';
is DMP::redis('PEXPIRETIME', $sess), $limit, 'with which the whole ends';
is look('aaa'), 1, 'it lives';
is look('aab'), 0, 'another does not';
is look(''), 0, 'nor none';

$before = now();
my $answer = session('check', 'aaa', 15 * $minute);
is $answer->[0], 1, 'it is checked';
cmp_ok $answer->[3], '>=', $before, 'by this clock';
cmp_ok $answer->[3], '<=', now(), 'and no other';
is_deeply lifetime('aaa'), [$idle, $limit], 'too soon to be written';

$answer = session('check', 'aab', 15 * $minute);
is_deeply [@$answer[0, 3, 4, 5]], [0, undef, undef, 'session'], 'one that never was';
is outcome($answer->[1]), 0, 'is traced, too';
is DMP::redis('LLEN', $idx), 3, 'each in the history';

# what is left of the idle time, and whether a use is written
for my $case (['29 seconds ago', 29_000, 0], ['31 seconds ago', 31_000, 1],
    ['a clock that went back', -31_000, 1])
{
    my ($what, $ago, $moves) = @$case;

    for my $use (sub { session('check', 'aaa', 15 * $minute) },
        sub { signed(0, 'aaa', 15 * $minute) })
    {
        my $then = now() + 15 * $minute - $ago;

        lifetime('aaa', $then, $limit);
        is $use->()->[0], 1, "used $what";
        my $moved = lifetime('aaa')->[0] != $then;
        is !!$moved, !!$moves, "used $what: written or not";
        cmp_ok abs(lifetime('aaa')->[0] - now() - 15 * $minute), '<', $moves ? 20_000 : 32_000,
            "used $what: until when";
    }
}

lifetime('aaa', now() + $minute, now() + 10 * $minute);
is session('check', 'aaa', 15 * $minute)->[0], 1, 'near its limit';
is lifetime('aaa')->[0], lifetime('aaa')->[1], 'it is extended no further than that';

for my $dead ([now() - 1, now() + $hour], [now() + $hour, now() - 1], ['x', 'y'],
    ['', ''], [now() + $hour], [-1, -1])
{
    lifetime('aaa', @$dead);
    is look('aaa'), 0, "dead: @$dead";
    is session('check', 'aaa', $hour)->[5], 'session', "dead: @$dead: checked";
    is signed(0, 'aaa', $hour)->[5], 'session', "dead: @$dead: signed";
    is_deeply lifetime('aaa'), [split / /, "@$dead"], "dead: @$dead: nothing brings it back";
}

# with durations so short that the store's clock passes them
session('open', 'short', 40, $hour);
wait_for { !look('short') } 'the end of its idle time';
is session('check', 'short', $hour)->[0], 0, 'and no use extends it any more';
session('only', 'short', $hour, 40);
wait_for { !DMP::redis('EXISTS', $sess) } 'the hash to go with its limit';

# of a short idle time half is enough to be written
session('open', 'used', 20_000, $hour);
my $used = lifetime('used');
session('check', 'used', 20_000);
is_deeply lifetime('used'), $used, 'not at once';
$used->[0] = now() + 9_000;
lifetime('used', @$used);
session('check', 'used', 20_000);
cmp_ok lifetime('used')->[0], '>', $used->[0], 'but in time';


# ----------------------------------------------------------------- several

DMP::redis('DEL', $sess);
session('open', $_, $hour, 2 * $hour) for 'a', 'b', 'c';
is tokens(), 'a b c', 'three at a time';
is session('end', 'b')->[0], 1, 'one ends';
is session('end', 'b')->[0], 1, 'which it may twice';
is tokens(), 'a c', 'the others stay';
session('only', 'd', $hour, $hour);
is tokens(), 'd', 'a new one instead of all';
session('none', '');
is tokens(), 'd', 'nothing is done';
session('open', 'e', $hour, $hour);
is session('clear', '')->[0], 1, 'all end';
is DMP::redis('EXISTS', $sess), 0, 'no key is left';

session('open', sprintf('t%02d', $_), $hour, $hour + $_ * $minute) for 1 .. 16;
is DMP::redis('HLEN', $sess), 16, 'sixteen';
session('open', 'new', $hour, 9 * $hour);
is tokens(), join(' ', 'new', map { sprintf 't%02d', $_ } 2 .. 16),
    'for a seventeenth the oldest goes';
is DMP::redis('PEXPIRETIME', $sess), lifetime('new')->[1], 'the latest limit counts';
lifetime('t09', now() - 1, now() + $hour);
lifetime('t10', 'nothing');
session('open', 'more', $hour, 2 * $minute);
is tokens(), join(' ', 'more', 'new', map { sprintf 't%02d', $_ } 2 .. 8, 11 .. 16),
    'dead ones go first, and then none that lives';
is DMP::redis('PEXPIRETIME', $sess), lifetime('new')->[1], 'a short one ends no other';
cmp_ok lifetime('more')->[0], '==', lifetime('more')->[1], 'no idle time beyond the limit';
session('open', 'new', $hour, $hour);
is DMP::redis('HLEN', $sess), 15, 'one that is opened again is no other';
cmp_ok lifetime('new')->[1], '<', now() + 2 * $hour, 'it begins anew';
session('open', 'last', $hour, 2 * $hour);
my $sixteen = tokens();
session('open', 'last', $hour, 2 * $hour);
is tokens(), $sixteen, 'and pushes none out';


# ------------------------------------------------------------------ notices

session('clear', '');
$answer = session('open', 'aaa', $hour, $hour, 'code', 'sealed');
is_deeply told(), [['code', 'PPPP', $answer->[1], 'sealed']], 'a code is to be sent';
$answer = session('none', '', '', '', 'password-changed', '');
is_deeply told()->[1], ['password-changed', 'PPPP', $answer->[1], '-'], 'nothing sealed';
session('none', '', '', '', '', 'sealed');
session('check', 'dead', $hour, '', 'code', 'sealed');
is scalar(@{ told() }), 2, 'of no kind, or of what is dead, nobody is told';


# ------------------------------------------------- with a record's version

DMP::redis('DEL', $outbox);
is change(0, 'sealed', 5, '', '', '', '', '')->[0], 1, 'a record, by no session';
is tokens(), 'aaa', 'of which none ends';
is_deeply told(), [], 'nobody is told';

is signed(5, 'aaa', $hour)->[0], 1, 'an access in a session';
$answer = signed(4, 'aaa', $hour);
is_deeply [@$answer[0, 3, 4]], [0, 5, 'sealed'], 'of another version';
is scalar(@$answer), 5, 'no session is said to be dead';

for my $version (4, 5) {
    $answer = signed($version, 'bbb', $hour);
    is_deeply [@$answer[0, 3 .. 5]], [0, 5, 'sealed', 'session'], "dead, of version $version";
    is outcome($answer->[1]), 0, 'traced as refused';

    $answer = change($version, 'other', 6, 'contact-changed', 'bbb', $hour, 'sealed', '1');
    is_deeply [@$answer[0, 3 .. 5]], [0, 5, 'sealed', 'session'],
        "dead, a change of version $version";
    is outcome($answer->[1]), 0, 'traced as refused';
}

is_deeply told(), [], 'nobody is told';
is tokens(), 'aaa', 'and no session ends with it';
is_deeply { @{ DMP::redis('HGETALL', $rec) } }, { v => 5, d => 'sealed' }, 'nor is it changed';

lifetime('aaa', now() + $minute, now() + 2 * $hour);
$answer = change(5, 'next', 6, 'contact-changed', 'aaa', $hour, 'secret', '');
is $answer->[0], 1, 'changed in a session';
is outcome($answer->[1]), 'R', 'traced as done';
is_deeply told(), [['contact-changed', 'PPPP', $answer->[1], 'secret']], 'and told';
cmp_ok lifetime('aaa')->[0], '>', now() + 30 * $minute, 'which is extended';

$answer = change(5, 'next', 7, 'contact-changed', 'aaa', $hour, 'secret', '1');
is_deeply [@$answer[0, 3, 4]], [0, 6, 'next'], 'of another version';
is scalar(@$answer), 5, 'no session is said to be dead';
is tokens(), 'aaa', 'and none ends';

session('open', 'bbb', $hour, $hour);
is change(6, 'closed', 7, '', 'aaa', $hour, '', '1')->[0], 1, 'a record is closed';
is DMP::redis('EXISTS', $sess), 0, 'all sessions end with it, its own too';
session('open', 'bbb', $hour, $hour);
is change(7, 'closed', 8, '', '', '', '', '1')->[0], 1, 'or by an operator';
is DMP::redis('EXISTS', $sess), 0, 'who needs no session';

# a session that is another record's, looked at before
my $since = now();
is change(8, 'by whom', 9, '', '', '', '', '', $since, $hour)->[0], 1, 'just looked at';
wait_for { now() > $since + 5 } 'some time to pass';
for my $late ([$since, 5], [now() + $hour, $minute], [now() + $hour, $hour]) {
    $answer = change(9, 'too late', 10, 'rights-changed', '', '', '', '1', @$late);
    is_deeply [@$answer[0, 3 .. 5]], [0, 9, 'by whom', 'late'],
        'too long ago, or before the clock went back';
    is outcome($answer->[1]), 0, 'traced as refused';
}
is_deeply { @{ DMP::redis('HGETALL', $rec) } }, { v => 9, d => 'by whom' }, 'nothing is changed';
is scalar(@{ told() }), 1, 'nobody is told';
is change(9, 'closed', 10, '', '', '', '', '', now(), $minute)->[0], 1, 'in time again';
DMP::redis('HSET', $rec, 'v', 8);

# the forms without a session
my @plain = @change[0 .. 4];
is call('dmp1_change', [@plain], [8], 'a', 9, '', '', '', '', '', '', '')->[0], 1,
    'five keys';
is call('dmp1_change', [@plain, $outbox], [9], 'a', 10, '', '', '')->[0], 1, 'six';
is scalar(@{ told() }), 1, 'no notice is none';
is call('dmp1_change', [@plain, $outbox], [10], 'a', 11, 'rights-changed', '')->[0], 1,
    'one that is said';
is told()->[1][0], 'rights-changed', 'is told';


# ------------------------------------------------------ with an account, too

my $login = 'dmp:login:K';
my @account = (@session, $login);

sub account { call('dmp1_session', \@account, [], @_) }
sub written { my %f = @{ DMP::redis('HGETALL', $login) }; "@f{qw(v p s)}" }

session('clear', '');
DMP::redis('DEL', $outbox);
DMP::redis('HSET', $login, 'v', 3, 'p', 'PPPP', 's', 'three');
is account('open', 'aaa', $hour, $hour, '', '', 3)->[0], 1, 'opened while it is the same';
is written(), '3 PPPP three', 'which it stays';
is account('open', 'bbb', $hour, $hour, '', '', 3, 4, 'PPPP', 'four')->[0], 1, 'or it is changed';
is written(), '4 PPPP four', 'as it was given';
is account('only', 'ccc', $hour, $hour, 'password-changed', 'x', 4, 5, 'PPPP', 'five')->[0], 1,
    'or all end';
is written() . ' ' . tokens(), '5 PPPP five ccc', 'with it';
is told()->[0][0], 'password-changed', 'and it is told';

for my $late ([4], [4, 6, 'PPPP', 'six'], [6], ['']) {
    for my $verb ('open', 'only') {
        $answer = account($verb, 'ddd', $hour, $hour, 'password-changed', 'x', @$late);
        is_deeply [@$answer[0, 3 .. 5]], [0, undef, undef, 'login'], "$verb: another: @$late";
        is outcome($answer->[1]), 0, 'traced as refused';
        is written() . ' ' . tokens(), '5 PPPP five ccc', 'nothing was done';
    }
}

is scalar(@{ told() }), 1, 'nor told';
DMP::redis('DEL', $login);
is account('open', 'ddd', $hour, $hour, '', '', 5)->[5], 'login', 'of one that is there no more';
DMP::redis('DEL', $outbox);


# ------------------------------------------------- errors, and what they leave

DMP::redis('SET', '{dmp:00}:text', 'x');
my $text = '{dmp:00}:text';
session('open', 'aaa', $hour, $hour);
my ($ok, $first) = (DMP::redis('HGETALL', $sess), state_now());

sub at { my ($keys, $at, $key) = @_; my @k = @$keys; $k[$at] = $key; \@k }

for my $case (
    ['signed: no hash of sessions', 'dmp1_signed', at(\@signed, 5, $text), [11], 'aaa', $hour],
    ['signed: no list', 'dmp1_signed', at(\@signed, 2, $text), [11], 'aaa', $hour],
    ['signed: no stream', 'dmp1_signed', at(\@signed, 1, $text), [11], 'aaa', $hour],
    ['signed: no record', 'dmp1_signed', at(\@signed, 0, $text), [11], 'aaa', $hour],
    ['signed: no key of sessions', 'dmp1_signed', [@signed[0 .. 4]], [11], 'aaa', $hour],
    ['signed: no token', 'dmp1_signed', \@signed, [11]],
    (map { ["signed: idle \"$_\"", 'dmp1_signed', \@signed, [11], 'aaa', $_] }
        '', 0, -1, '1e9', 'nan', 'inf', '1.5', ' 1', '1' x 16),
    (map { my $verb = $_; map { ["$verb: $_->[0]", 'dmp1_session', $_->[1], [], $verb, 'aaa',
            $hour, $hour, 'code', 'sealed'] }
        ['no hash of sessions', at(\@session, 4, $text)],
        ['no outbox', at(\@session, 5, $text)],
        ['no list', at(\@session, 1, $text)],
        ['no stream', at(\@session, 0, $text)] } qw(check open only end clear none)),
    (map { my $verb = $_; map { ["$verb: idle \"$_\"", 'dmp1_session', \@session, [], $verb,
            'aaa', $_, $hour] } '', 0, 'x' } qw(check open only)),
    (map { my $verb = $_; map { ["$verb: limit \"$_\"", 'dmp1_session', \@session, [], $verb,
            'aaa', $hour, $_] } '', 0, 'x' } qw(open only)),
    (map { ["$_: no token", 'dmp1_session', \@session, [], $_, '', $hour, $hour] }
        qw(check open only end)),
    (map { ["no verb: \"$_\"", 'dmp1_session', \@session, [], $_, 'aaa', $hour, $hour] }
        '', 'Open', 'delete', '__index'),
    ['nothing said', 'dmp1_session', \@session, []],
    (map { ["account: $_", 'dmp1_session', \@account, [], $_, 'aaa', $hour, $hour, 'code', 'x',
        5, 6, 'PPPP', 's'] } qw(check end clear none)),
    (map { ["account: @$_", 'dmp1_session', \@account, [], 'only', 'bbb', $hour, $hour,
        'code', 'x', @$_] } ['', 0, 'P', 's'], ['', 'x', 'P', 's'], [5, 5, 'P', 's'],
        [5, 6, 'P'], [5, 6], ['x', 6, 'P', 's']),
    ['account: not said', 'dmp1_session', \@account, [], 'only', 'bbb', $hour, $hour, 'code', 'x'],
    ['account: no hash', 'dmp1_session', at(\@account, 6, $text), [], 'only', 'bbb', $hour, $hour,
        'code', 'x', 5],
    (map { ["change: since and within \"@$_\"", 'dmp1_change', \@change, [11], 'a', 12, '', '',
        '', '', '', @$_] } ['x', 5], [1], [1, 'x'], [0, 1], [1, 0], [-1, 1]),
    ['change: no hash of sessions', 'dmp1_change', at(\@change, 6, $text), [11],
        'a', 12, '', '', '', '', '1'],
    ['change: no outbox', 'dmp1_change', at(\@change, 5, $text), [11],
        'a', 12, 'x', '', '', '', '1'],
    ['change: idle', 'dmp1_change', \@change, [11], 'a', 12, '', 'aaa', '', '', ''],
    ['change: the token is not said', 'dmp1_change', \@change, [11], 'a', 12, 'x'],
    ['change: all or not is not said', 'dmp1_change', \@change, [11], 'a', 12, '', 'aaa',
        $hour, ''],
    ['change: all is neither', 'dmp1_change', \@change, [11], 'a', 12, '', 'aaa', $hour, '',
        'yes'],
    ['change: a version that does not grow', 'dmp1_change', \@change, [11], 'a', 11, '',
        'aaa', $hour, '', ''],
    (map { my @more = ('') x 7; $more[$_] = '1';
        ["change: a session without its key ($_)", 'dmp1_change', [@plain, $outbox], [11],
            'a', 12, @more] } 1 .. 6),
) {
    my ($what, $function, $keys, $version, @more) = @$case;
    my $said = call($function, $keys, $version, @more);

    ok !ref $said, "$what: an error";
    like $said, qr/WRONGTYPE|ERR/, "$what: which";
    is_deeply [state_now(), DMP::redis('HGETALL', $sess)], [$first, $ok],
        "$what: nothing was written";
}

# a chain that does not fit, a bucket that is closed
my $kept = $head;

for my $refusal (['another head', sub { $head = DMP::head(1, $seq - 1, 'h' x 32) },
        sub { is_deeply $_[0], ['CHAIN', $kept], $_[1] }],
    ['a closed bucket', sub { DMP::redis('HSET', $closed, 'by', 'x') },
        sub { like $_[0], qr/CLOSED/, $_[1] }])
{
    my ($what, $begin, $check) = @$refusal;

    $begin->();
    $check->(signed(11, 'aaa', $hour), "$what: signed");
    $check->(change(11, 'a', 12, 'x', 'aaa', $hour, '', '1'), "$what: a change");
    $check->(session($_, 'aaa', $hour, $hour, 'code', 'sealed'), "$what: $_")
        for qw(check open only end clear none);
    $head = $kept;
    DMP::redis('DEL', $closed);
    is_deeply [state_now(), DMP::redis('HGETALL', $sess)], [$first, $ok],
        "$what: nothing was written";
}

is signed(11, 'aaa', $hour)->[0], 1, 'the chain goes on';
ok !defined eval { DMP::redis('FCALL', 'dmp1_look', 1, $text, 'aaa') }, 'no hash to look at';
like $@, qr/WRONGTYPE/, 'is an error';
is eval { DMP::redis('FCALL_RO', 'dmp1_look', 1, $sess, 'aaa') }, 1, 'looking writes nothing';


# --------------------------------------------------------------- challenges

my $c = 'dmp:challenge:C';

sub challenge { DMP::redis('FCALL', 'dmp1_challenge', 1, $c, @_) }
sub fields { my ($said, $from) = @_; my %f = @$said[$from .. $#$said]; \%f }

is challenge('put', 300_000, 'c', 'right', 'p', 'PPPP'), 1, 'a code waits';
cmp_ok DMP::redis('PTTL', $c), '<=', 300_000, 'for a time';
cmp_ok DMP::redis('PTTL', $c), '>', 0, 'that ends';
is challenge('put', 300_000, 'c', 'other'), 0, 'there is no second one';
is DMP::redis('HGET', $c, 'c'), 'right', 'the first stays';
is challenge('take'), undef, 'nothing to take yet';

$answer = challenge('try', 'wrong', 3);
is $answer->[0], 0, 'a wrong one';
is_deeply fields($answer, 1), { p => 'PPPP', t => 1 }, 'counted; the code is not told';
$answer = challenge('try', 'right', 3);
is $answer->[0], 1, 'the right one';
is_deeply fields($answer, 1), { p => 'PPPP', t => 2, ok => 1 }, 'counted, too';
is challenge('try', 'right', 3)->[0], 0, 'it matches once';
is challenge('take'), undef, 'and after the last try there is nothing';

challenge('put', 300_000, 'c', 'right');
is challenge('try', 'right', 3)->[0], 1, 'the right one at once';
is_deeply fields(challenge('take'), 0), { t => 1, ok => 1 }, 'is taken';
is challenge('take'), undef, 'once';
is challenge('try', 'right', 3), undef, 'and tried no more';

challenge('put', 300_000, 'c', 'right');
challenge('try', 'wrong', 3) for 1 .. 2;
is challenge('try', 'wrong', 3)->[0], 0, 'the third';
is DMP::redis('EXISTS', $c), 0, 'was the last';
is challenge('try', 'right', 3), undef, 'whatever follows';

challenge('put', 300_000, 'c', 'right');
challenge('try', 'wrong', 3) for 1 .. 2;
is challenge('try', 'right', 2), undef, 'beyond the number, however it was counted';
is DMP::redis('EXISTS', $c), 0, 'nothing is left';

challenge('put', 30, 'c', 'right');
wait_for { !DMP::redis('EXISTS', $c) } 'it to end';
is challenge('try', 'right', 3), undef, 'a code too late';
challenge('put', 300_000, 'c', 'right');
is challenge('drop'), 1, 'given up';
is challenge('drop'), 0, 'once';

challenge('put', 300_000, 'p', 'PPPP');

for my $wrong (['put'], ['put', 1000], ['put', 1000, 'c'], ['put', 0, 'c', 'x'],
    ['put', 'x', 'c', 'x'], ['put', 1000, 'ok', 1], ['put', 1000, 'c', 'x', 't', 0],
    ['try'], ['try', 'x'], ['try', '', 3], ['try', 'x', 0], ['try', 'x', -1], ['try', 'x', 'y'],
    [], [''], ['steal'])
{
    my $was = DMP::redis('HGETALL', $c);

    ok !defined eval { challenge(@$wrong) } && $@ =~ /ERR/, "refused: @$wrong";
    is_deeply DMP::redis('HGETALL', $c), $was, "refused: @$wrong: nothing was written";
}

# of many at once, at most three count, and one is right
sub at_once
{
    my ($n, @command) = @_;

    my @links = map { DMP::Redis->connect(DMP::redis_address()) } 1 .. $n;

    $_->send(@command) for @links;

    return map { $_->receive } @links;
}

for my $case (['all right', 'right', 1, 2], ['all wrong', 'wrong', 0, 3]) {
    my ($what, $code, $matched, $others) = @$case;

    challenge('drop');
    challenge('put', 300_000, 'c', 'right');
    my @said = at_once(40, 'FCALL', 'dmp1_challenge', 1, $c, 'try', $code, 3);
    is scalar(grep { $_ && $_->[0] == 1 } @said), $matched, "$what: matched";
    is scalar(grep { $_ && $_->[0] == 0 } @said), $others, "$what: others that counted";
    is scalar(grep { !$_ } @said), 40 - 3, "$what: the rest did not";
    is DMP::redis('EXISTS', $c), 0, "$what: nothing is left";
}


# ----------------------------------------------------------------- attempts

my $t = 'dmp:attempt:A';

sub attempt { DMP::redis('FCALL', 'dmp1_attempt', 1, $t, @_) }
sub attempt_now { attempt('try', 3, $minute, $hour, 10 * $hour) }

is_deeply attempt_now(), [0, 0], "try $_ is free" for 1 .. 3;

# what was let through, and since when: how long the next must wait
for my $case ([3, 1], [4, 2], [5, 4], [8, 32], [9, 60], [1100, 60], ['9' x 15, 60]) {
    my ($n, $delay) = ($case->[0], $case->[1] * $minute);
    my $at = now();

    DMP::redis('HSET', $t, 'n', $n, 'at', $at);
    my ($wait, $is_known) = @{ attempt_now() };
    cmp_ok $wait, '<=', $delay, "after $n: $delay at most";
    cmp_ok $wait, '>=', $at + $delay - now(), "after $n: no less";
    is $is_known, 0, "after $n: not known";
    is DMP::redis('HGET', $t, 'n'), $n, "after $n: it does not count";

    DMP::redis('HSET', $t, 'at', now() - $delay);
    is attempt_now()->[0], 0, "after $n: later it is let through";
    cmp_ok DMP::redis('HGET', $t, 'n'), '==', $n + 1, "after $n: and counts";
    cmp_ok attempt_now()->[0], '>', 0, "after $n: the next waits again";
}

DMP::redis('HSET', $t, 'n', 50, 'at', now() + 100 * $hour);
is attempt_now()->[0], 0, 'a clock that went back locks nobody out';
cmp_ok DMP::redis('HGET', $t, 'at'), '<=', now(), 'from then on it is right';
cmp_ok DMP::redis('PTTL', $t), '>', 9 * $hour, 'kept from its last use on';

is attempt('good', $hour), 1, 'a good one';
is_deeply attempt_now(), [0, 1], 'begins anew, and is known' for 1 .. 3;
is attempt_now()->[1], 1, 'even where it must wait';
cmp_ok attempt_now()->[0], '>', 0, 'as it must';
DMP::redis('HSET', $t, 'n', 'x', 'at', 'y');
is attempt_now()->[0], 0, 'what is no number counts for nothing';
attempt('good', 30);
wait_for { !DMP::redis('EXISTS', $t) } 'it to be forgotten';
is_deeply attempt('try', 0, $hour, $hour, $hour), [0, 0], 'where none is free, one is';
cmp_ok attempt('try', 0, $hour, $hour, $hour)->[0], '>', 0, 'and the next waits';

for my $wrong ([], ['good'], ['good', 0], ['bad', 1], ['try'], ['try', 1, 1, 1],
    ['try', -1, 1, 1, 1], ['try', 1, 0, 1, 1], ['try', 1, 1, 0, 1], ['try', 1, 1, 1, 0])
{
    my $was = DMP::redis('HGETALL', $t);

    ok !defined eval { attempt(@$wrong) } && $@ =~ /ERR/, "refused: @$wrong";
    is_deeply DMP::redis('HGETALL', $t), $was, "refused: @$wrong: nothing was written";
}

DMP::redis('DEL', $t);
my @tried = at_once(40, 'FCALL', 'dmp1_attempt', 1, $t, 'try', 3, $hour, $hour, $hour);
is scalar(grep { $_->[0] == 0 } @tried), 3, 'of many at once as many as are free';


# ------------------------------------------------------------------- logins

my $l = 'dmp:login:H';

sub login { DMP::redis('FCALL', 'dmp1_login', 1, $l, @_) }
sub kept { my %f = @{ DMP::redis('HGETALL', $l) }; "@f{qw(v p s)}" }

is login(1, 2, 'PPPP', 'other'), 0, 'there is none to change';
is login('', 1, 'PPPP', 'sealed'), 1, 'one is made';
is kept(), '1 PPPP sealed', 'as it was given';
is login('', 2, 'PPPP', 'other'), 0, 'which is not made again';
is login(1, 2, 'PPPP', 'next'), 1, 'it is changed';
is login(1, 3, 'PPPP', 'other'), 0, 'but not from what it was';
is kept(), '2 PPPP next', 'only once';

for my $wrong ([2, 2, 'P', 's'], [2, 1, 'P', 's'], [2, 'x', 'P', 's'], ['x', 3, 'P', 's'],
    ['', 0, 'P', 's'], [2, 3, 'P'], [2, 3], [2], [])
{
    ok !defined eval { login(@$wrong) } && $@ =~ /ERR|arguments/, "refused: @$wrong";
    is kept(), '2 PPPP next', "refused: @$wrong: nothing was written";
}

for my $function (['dmp1_challenge', 'try', 'x', 3], ['dmp1_challenge', 'take'],
    ['dmp1_attempt', 'try', 1, 1, 1, 1], ['dmp1_attempt', 'good', 1],
    ['dmp1_login', '', 1, 'P', 's'])
{
    my ($name, @words) = @$function;

    ok !defined eval { DMP::redis('FCALL', $name, 1, $text, @words); 1 } && $@ =~ /WRONGTYPE/,
        "$name $words[0]: no hash";
    is DMP::redis('GET', $text), 'x', "$name $words[0]: it stays";
}

is DMP::redis('FCALL', 'dmp1_challenge', 1, $text, 'put', 1000, 'c', 'x'), 0,
    'what is no challenge is there, too';

done_testing;
