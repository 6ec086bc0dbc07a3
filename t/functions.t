#!/usr/bin/perl

# The function library, called as gateways and tools call it: what is appended
# and changed, who is to be told of it and how often, and that an error means
# that nothing was written.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(sha256);
use Test::More;

use DMP ();

DMP::initialise_store();

my ($rec, $trace, $idx, $w, $closed, $seen, $outbox) = map { "{dmp:00}:$_" }
    'rec:PPPP', 'trace', 'idx:PPPP', 'w:W', 'closed', 'seen:PPPP', 'outbox';
my @keys = ($rec, $trace, $idx, $w, $closed);
my $quarter = 15 * 60 * 1000;


# ------------------------------------------------------------------ helpers

my ($seq, $head) = (0, '');

# One call with the next entry of the chain: [1, id], as refused [0, id, head,
# version, record], ['CHAIN', head], or the error's text.  keys: other than
# usual.  Only what was appended moves the chain.
sub call
{
    my ($function, $keys, $version, @more) = @_;

    my $next = DMP::head(1, $seq + 1, sha256('entry ' . ($seq + 1)));
    my $answer = eval { DMP::redis('FCALL', $function, scalar @$keys, @$keys,
        $version, $head, $next, '{}', @more) };

    return "$@" if !defined $answer;
    return $answer if ref $answer && $answer->[0] eq 'CHAIN';

    $answer = [1, split / /, $answer] if !ref $answer;
    is $answer->[2], $next, 'the answer is to this entry';
    $seq++;
    $head = $next;

    return $answer;
}

# Notices: kind, pseudonym, entry.
sub told
{
    return [map { my %f = @{ $_->[1] }; [@f{qw(k p e)}] }
        @{ DMP::redis('XRANGE', $outbox, '-', '+') }];
}

sub forget { DMP::redis('DEL', $seen, $outbox) }

# Everything that a call could have written.
sub state_now
{
    return [map { DMP::redis(@$_) } ['XLEN', $trace], ['HGETALL', $w],
        ['LLEN', $idx], ['HGETALL', $rec]];
}

sub noticed { call('dmp1_trace', [@keys, $seen, $outbox], @_) }

sub ms { return (split /-/, $_[0][1])[0] }


# ----------------------------------------------- an access, as it always was

my $answer = call('dmp1_trace', \@keys, 0);
is $answer->[0], 1, 'appended';
is_deeply DMP::redis('XRANGE', $trace, $answer->[1], $answer->[1]),
    [[$answer->[1], ['b', '{}', 'o', '1']]], 'as it was given';
is_deeply { @{ DMP::redis('HGETALL', $w) } }, { h => $head }, 'the head has moved';
is DMP::redis('EXISTS', $seen, $outbox), 0, 'nobody is told';

$answer = call('dmp1_trace', \@keys, 7);
is_deeply [@$answer[0, 3, 4]], [0, 0, undef], 'another version is current';


# ------------------------------------------------------------ first accesses

my $first = noticed(0, 'morel', 1, '', 'normal');
is_deeply told(), [['first-access', 'PPPP', $first->[1]]], 'a first access';
is DMP::redis('HGET', $seen, 'morel'), ms($first), 'is remembered, by its time';

noticed(0, 'morel', 1, '', 'normal');
is scalar(@{ told() }), 1, 'the second is none';
noticed(0, 'petit', 0, '', 'normal');
is scalar(@{ told() }), 1, 'nor what is no reading';
is DMP::redis('HEXISTS', $seen, 'petit'), 0, 'and it is not remembered';
noticed(0, 'petit', 1, '', 'normal');
is scalar(@{ told() }), 2, 'each has a first one';
noticed(7, 'roux', 1, $quarter, 'bris-de-glace');
is scalar(@{ told() }), 2, 'what another version refuses is none';
is DMP::redis('HLEN', $seen), 2, 'and nothing is remembered of it';


# --------------------------------------------------------------- emergencies

forget();
my $both = noticed(0, 'morel', 1, $quarter, 'bris-de-glace');
is_deeply told(), [map { [$_, 'PPPP', $both->[1]] } 'first-access', 'emergency-access'],
    'a first access in an emergency is both';
is DMP::redis('HGET', $seen, 'morel:bris-de-glace'), ms($both), 'remembered by mode';

noticed(0, 'morel', 1, $quarter, 'bris-de-glace');
is scalar(@{ told() }), 2, 'held back';
is DMP::redis('HGET', $seen, 'morel:bris-de-glace'), ms($both),
    'and from the one that was told';
noticed(0, 'morel', 0, $quarter, 'centre-15');
is scalar(@{ told() }), 3, 'not in another mode';
noticed(0, 'petit', 0, $quarter, 'bris-de-glace');
is scalar(@{ told() }), 4, 'nor of another';

# the clock is the entry's own: what is remembered is put back and forth
my $edge = sub {
    my ($what, $ago, $is_told) = @_;

    my $before = @{ told() };
    my ($s, $us) = @{ DMP::redis('TIME') };
    my $then = int($s * 1000 + $us / 1000) - $ago;

    DMP::redis('HSET', $seen, 'morel:bris-de-glace', $then);
    my $id = noticed(0, 'morel', 0, $quarter, 'bris-de-glace');
    is @{ told() } - $before, $is_told, $what;
    is DMP::redis('HGET', $seen, 'morel:bris-de-glace'), $is_told ? ms($id) : $then,
        "$what: what is remembered";
};

$edge->('a quarter of an hour later', $quarter, 1);
$edge->('long after', 100 * $quarter, 1);
$edge->('well within', $quarter - 60_000, 0);
$edge->('a clock that went back', -60_000, 1);

for my $strange ('nan', 'inf', '-inf', '', 'soon', '1e999') {
    my $before = @{ told() };

    DMP::redis('HSET', $seen, 'morel:bris-de-glace', $strange);
    noticed(0, 'morel', 0, $quarter, 'bris-de-glace');
    is @{ told() } - $before, 1, "what is no time holds nothing back: \"$strange\"";
}

my $count = @{ told() };
noticed(0, 'morel', 0, 0, 'bris-de-glace') for 1 .. 2;
is @{ told() } - $count, 2, 'nothing is held back where nothing is to be';


# ------------------------------------------------------------------- changes

forget();
$answer = call('dmp1_change', [@keys, $outbox], 0, 'sealed', 1, 'record-created');
is $answer->[0], 1, 'a record is made';
is_deeply told(), [['record-created', 'PPPP', $answer->[1]]], 'and told';
is_deeply { @{ DMP::redis('HGETALL', $rec) } }, { v => 1, d => 'sealed' }, 'as it was given';
$answer = call('dmp1_change', [@keys, $outbox], 0, 'other', 1, 'rights-changed');
is_deeply [@$answer[0, 3, 4]], [0, 1, 'sealed'], 'of another version';
is scalar(@{ told() }), 1, 'nobody is told';
is DMP::redis('HGET', $rec, 'd'), 'sealed', 'nor is it changed';
is call('dmp1_change', \@keys, 1, 'next', 2)->[0], 1, 'one that nobody is told of';
is call('dmp1_change', [@keys, $outbox], 2, 'next', 3)->[0], 1, 'or not said';
is scalar(@{ told() }), 1, 'nobody is';


# ------------------------------------------------- errors, and what they leave

DMP::redis('SET', '{dmp:00}:text', 'x');
my $text = '{dmp:00}:text';

# keys of the call, arguments after the body, what is complained about
for my $case (
    ['no hash to remember in', 'dmp1_trace', [@keys, $text, $outbox],
     ['new', 1, '', 'normal'], 'WRONGTYPE'],
    ['no stream for a first access', 'dmp1_trace', [@keys, $seen, $text],
     ['new', 1, '', 'normal'], 'WRONGTYPE'],
    ['no stream for an emergency', 'dmp1_trace', [@keys, $seen, $text],
     ['new', 0, $quarter, 'centre-15'], 'WRONGTYPE'],
    ['one key of the two', 'dmp1_trace', [@keys, $seen], ['new', 1, '', 'normal'], 'ERR'],
    ['no mode', 'dmp1_trace', [@keys, $seen, $outbox], ['new', 1, ''], 'ERR'],
    ['nobody', 'dmp1_trace', [@keys, $seen, $outbox], [], 'ERR'],
    ['no time to hold for', 'dmp1_trace', [@keys, $seen, $outbox],
     ['new', 1, 'long', 'normal'], 'ERR'],
    ['no stream for a change', 'dmp1_change', [@keys, $text],
     ['sealed', 4, 'rights-changed'], 'WRONGTYPE'],
    ['a version that does not grow', 'dmp1_change', [@keys, $outbox],
     ['sealed', 3, 'rights-changed'], 'must grow'],
    ['no list', 'dmp1_trace', [$rec, $trace, $text, $w, $closed], [], 'WRONGTYPE'],
) {
    my ($what, $function, $with, $more, $why) = @$case;

    my $before = [@{ state_now() }, told(), DMP::redis('HGETALL', $seen)];
    my $said = call($function, $with, 3, @$more);

    ok !ref $said, "$what: an error";
    like $said, qr/$why/, "$what: which";
    is_deeply [@{ state_now() }, told(), DMP::redis('HGETALL', $seen)], $before,
        "$what: nothing was written";
}

# a chain that does not fit refuses before anything is told
my $before = [@{ state_now() }, told()];
my $kept = $head;

for my $other ('', DMP::head(1, $seq - 1, 'h' x 32), DMP::head(2, $seq, 'h' x 32), "$kept ") {
    $head = $other;
    is_deeply noticed(3, 'new', 1, $quarter, 'centre-15'), ['CHAIN', $kept],
        "another head: \"$other\"";
    is_deeply [@{ state_now() }, told()], $before, 'nothing was written';
}

$head = $kept;
is noticed(3, 'new', 1, $quarter, 'centre-15')->[0], 1, 'and the chain goes on';


# ----------------------------------------------------------- a closed bucket

sub close_bucket { DMP::redis('FCALL', 'dmp1_close', 3, $closed, 'dmp:closed', 'dmp:meta', @_) }

DMP::redis('HSET', 'dmp:meta', 'recovered:3', 1_795_000_000_000);
is close_bucket('node/1', 'it went back', 3, 1_794_999_999_999), 0,
    'not by what was seen before the last recovery';
is DMP::redis('EXISTS', $closed, 'dmp:closed'), 0, 'nothing is written';
is close_bucket('node/1', 'it went back', 3, 1_795_000_000_000), 1, 'a bucket is closed';
is_deeply DMP::redis('SMEMBERS', 'dmp:closed'), [3], 'and listed';
is close_bucket('node/1', 'it went back', 4, 0), 1, 'one that was never recovered';
DMP::redis('HDEL', 'dmp:meta', 'recovered:3');
is close_bucket('node/1', 'it went back', 3, 1_795_000_000_000), 1,
    'or of which the store has lost the recovery';
DMP::redis('DEL', 'dmp:closed');
my %closed = @{ DMP::redis('HGETALL', $closed) };
is "$closed{by}: $closed{why}", 'node/1: it went back', 'by whom, and why';
cmp_ok $closed{at}, '>', 1_700_000_000_000, 'and when, in milliseconds';
close_bucket('node/2', 'again', 3, 0);
is_deeply { @{ DMP::redis('HGETALL', $closed) } }, \%closed, 'the first stays';

$before = [@{ state_now() }, told()];
like $_->[1], qr/CLOSED/, "$_->[0]: refused" for (
    ['an access', call('dmp1_trace', \@keys, 3)],
    ['one with notices', noticed(3, 'new', 1, $quarter, 'centre-15')],
    ['a change', call('dmp1_change', \@keys, 3, 'sealed', 4)],
    ['another entry', (eval { DMP::redis('FCALL', 'dmp1_append', 3, $trace, $w,
        $closed, $head, DMP::head(1, $seq + 1, sha256('x')), '{}') } // '') . $@]);
is_deeply [@{ state_now() }, told()], $before, 'nothing was written';
DMP::redis('DEL', $closed);
is call('dmp1_trace', \@keys, 3)->[0], 1, 'reopened, the chain goes on';


# ---------------------------------------------------------- what it all costs

# Commands that one call makes of the store.
sub calls
{
    my ($made) = @_;

    my $sum = sub {
        my $n = 0;
        my $stats = DMP::redis('INFO', 'commandstats');

        $n += $1 while $stats =~ /^cmdstat_(?!info|fcall|config)[^:]*:calls=(\d+)/mg;
        return $n;
    };

    DMP::redis('CONFIG', 'RESETSTAT');
    $made->();

    return $sum->();
}

is calls(sub { call('dmp1_trace', \@keys, 3) }), 7, 'an access: seven commands';
is calls(sub { noticed(3, 'new', 1, '', 'normal') }), 8,
    'one more where there might be something to tell';
is calls(sub { call('dmp1_change', \@keys, 3, 'sealed', 4) }), 8, 'a change: eight';

done_testing;
