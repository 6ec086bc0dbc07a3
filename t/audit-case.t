#!/usr/bin/perl

# dmpctl audit case: what a patient is told of their record, where somebody who
# owns the store, and no key, tampers with it: nothing of theirs counts for an
# access or for the end of one, and the list is said to be whole only where it
# is proved.  And what such an owner can put before the other tools.

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Encode qw(decode_utf8);
use JSON::PP;
use Test::More;

use DMP ();
use DMP::Index qw($dmpctl $martin $keys $rc $out $err run);
use DMP::Tamper;
use DMP::Writer;
use FakeRedis;

plan skip_all => "no $dmpctl: build it first" unless -x $dmpctl;
binmode Test::More->builder->$_, ':utf8' for qw(output failure_output todo_output);

my @where = ('--redis', DMP::redis_address());
my @key = ('--audit-public-key', "$keys/audit.pub");
my @keys = (@key, '--pseudonym-key', "$keys/pseudonym.key", '--record-key',
    "$keys/record.key");
my @import = ('--record-key', "$keys/record.key", '--pseudonym-key', "$keys/pseudonym.key",
    '--audit-key', "$keys/audit.key");
my $COMPLETE = qr/^Cette liste est complète : /m;
my $APART = qr/^Lignes que personne n'a signées/m;
my $RESERVE = qr/^SOUS RÉSERVE : /m;
my ($said, @lines);


# ------------------------------------------------------------------ helpers

# The exit code that it must be; what is said is kept in $said and @lines.
sub told
{
    my ($want, $name, @options) = @_;

    my ($ins, @where_else) = @options ? @options : ($main::ins);
    my @case = ('audit', 'case', $ins // $main::ins, @where_else ? @where_else : @where, @keys);

    is run(@case, '--json'), $want, "$name: for machines" or diag $err;
    $said = $want < 2 ? decode_json($out) : {};
    is run(@case), $want, $name or diag $err;
    $out = decode_utf8($out);
    $err = decode_utf8($err);
    @lines = $out =~ /^\d+\. (.*)$/mg;

    return $out;
}

sub writer
{
    my (%o) = @_;

    return DMP::Writer->new(key => "$keys/audit.key", buckets => $BUCKETS, %o);
}

# One whose own bucket is not the patient's.
sub apart
{
    my ($bucket, %o) = @_;

    my $writer;

    do { $writer = writer(%o) } until $writer->{home} != $bucket;

    return $writer;
}

# By the store's clock.
sub store_ms
{
    my ($seconds, $us) = @{ DMP::redis('TIME') };

    return $seconds * 1000 + int($us / 1000);
}

# The members of an access after the frame, with other words in them.
sub like_it
{
    my ($entry, $change) = @_;

    my ($members) = $entry->{body} =~ /("trace":.*)\}\z/;

    local $_ = $members;
    $change->() if $change;

    return $_;
}


# ---------------------------------------------------------------- the store

DMP::redis('CONFIG', 'SET', 'appendonly', 'no');
is run('init', @where, '--buckets', $BUCKETS), 0, 'a store' or diag $err;
DMP::redis('HSET', 'dmp:meta', 'deadline_ms', 10);

my @people = map { sprintf '2850399%06d', $_ } 1 .. 4;
$_ .= sprintf '%02d', 97 - $_ % 97 for @people;
@people = sort { bucket_of(P($b)) <=> bucket_of(P($a)) } @people;
our $ins = $people[0];

my $records = write_file('people.jsonl', map { encode_json({ ins => $_, status => 'open' })
    . "\n" } @people, $martin);

is run('record', 'import', $records, @where, @import), 0, 'records' or diag $err;

my $p = P($ins);
my $other = P($people[1]);
my $bucket = bucket_of($p);
my $empty = saved();

# a gateway that served three, and has ended
my $gate = apart($bucket);
$gate->open;
my @reads = map { $gate->access($_, version($_)) } $p, $other, $p;
$gate->commit($gate->{home}, 'outcome', qq(,"outcomes":[["$reads[0]{trace}",)
    . '200,5000,1,2]],"abandoned":[]');
$gate->checkpoint;
$gate->close;

my $whole = saved();

told(0, 'a whole list');
like $out, $COMPLETE, 'it says so';
unlike $out, $RESERVE, 'without a limit';
unlike $out, $APART, 'and without lines that nobody signed';
is scalar(@lines), 3, 'the import, and two accesses';
like $lines[1], qr/autorisé \(règle G1\) ; 1 montré, 2 retenus\.$/, 'how one ended';
like $lines[2], qr/autorisé \(règle G1\)\.$/, 'of the other nobody said';
is_deeply [@$said{qw(whole trace history uncovered unproven silent ended_by_store allowed)}],
    [(JSON::PP::true) x 3, 0, 0, 0, 0, 2], 'the same for machines';
is_deeply [map { $_->{cover} } @{ $said->{entries} }], [('proven') x 3], 'all proved';
like $out, qr/nomme les mêmes 3 lignes, une à une\.$/m, 'the history has them, too';
like $out, qr/^2 accès autorisés, 0 refus, 1 changement de droits ; dont 0 en urgence, 0 enregistré et non transmis\.$/m,
    'counted, in French';

told(0, 'a list of one', $martin);
like $out, qr/nomme la même ligne\.$/m, 'in the singular';
told(0, 'of nobody', '168112A00405781');
like $out, qr/nomme lui aussi aucune\.$/m, 'none';


# ------------------------------------------------------------ read only once

# through its owner's proxy the first answers lack one access: there is no
# second reading which could have them
sub bulk { my ($x) = @_; return '$' . length($x) . "\r\n$x\r\n" }

my @all = entries($bucket);
splice @all, index_of(\@all, $reads[2]), 1;

my $less = '*' . @all . "\r\n" . join '', map { "*2\r\n" . bulk($_->[0]) . "*4\r\n" . bulk('b')
    . bulk($_->[1]) . bulk('o') . bulk($_->[2]) } @all;

for my $times (1, 2) {
    my $proxy = FakeRedis->new(DMP::redis_address(),
        [qr/^XRANGE \{dmp:0$bucket\}:trace/, 'reply', $less, times => $times]);

    is run('audit', 'case', $ins, '--redis', $proxy->address, @keys), 1,
        "an access is left out of the first $times answers";
    unlike decode_utf8($out), $COMPLETE, 'that is no whole list';
    is scalar(grep { /^XRANGE \{dmp:0$bucket\}/ } $proxy->commands), 1, 'nothing is read twice';
}


# ------------------------------------------------- what nobody has signed

# its worker died, and a sibling ended its epoch as it remembered it
my $dead = apart($bucket, heartbeat => 30);
my $now = time - 3600;
$dead->at($now)->open;
my $last = $dead->at($now + 1)->access($p, version($p));
$dead->at($now + 2)->checkpoint;
my $heir = writer();
$heir->open;
$heir->close_other($dead, 'memory');
$heir->close;
my $ended = saved();

told(0, 'a writer that was ended by a successor');
like $out, $COMPLETE, 'limits nothing';
is scalar(@lines), 4, 'its access is listed';

my $place = $dead->{chain}{$bucket};
my @ack = ($place->{seq}, MIME::Base64::encode_base64url(substr $place->{acks}, 0, 16));

forge($dead->{name}, $bucket, 'access', like_it($last, sub { s/899700218896/899700588637/;
    s/"trace":"[^"]*"/"trace":"019a0000-0000-7000-8000-fffffffffff1"/ }),
    time => $now + 3, ack => \@ack, patient => $p, version => version($p));
told(0, 'an access that the store\'s owner made up');
is scalar(@lines), 4, 'is no line of the list';
like $out, qr/$APART.*^- Le .* 899700588637.*/ms, 'but stands apart';
like $out, qr/^1 ligne n'est signée par personne, et n'est pas dans ces nombres\.$/m,
    'and counts for nothing';
like $out, qr/^3 accès autorisés, /m, 'with the accesses';
like $out, $RESERVE, 'it limits the proof';
like $out, qr/^- 1 ligne de la trace, tous dossiers confondus, n'est signée par personne/m,
    'in words';
unlike $out, $COMPLETE, 'the list is not said to be whole';
is_deeply [@$said{qw(whole trace uncovered unproven allowed)},
    scalar(@{ $said->{entries} }), scalar(@{ $said->{unsigned} }), $said->{unsigned}[0]{cover}],
    [JSON::PP::false, JSON::PP::true, 1, 1, 3, 4, 1, 'none'], 'the same for machines';
is run('audit', 'verify', @where, @key), 0, 'verify';
like $out, qr/^1 entry stands after the last signed heads of a writer that is over: nobody has signed it/m,
    'says it in plain words';
is run('audit', 'verify', @where, @key, '--json'), 0, 'and to machines';
is decode_json($out)->{unproven}, 1, 'as a number';
put_back($ended);

forge($dead->{name}, $dead->{home}, 'outcome', qq("outcomes":[],"abandoned":["$last->{trace}"]),
    time => $now + 3);
told(0, 'an end that the store\'s owner made up');
is scalar(@lines), 4, 'all lines';
unlike "@lines", qr/non transmis|demandé/, 'it is nobody\'s word';
is $said->{abandoned}, 0, 'and is not counted';
like $out, $RESERVE, 'it limits the proof';
put_back($ended);

my $alive = apart($bucket);
$alive->open;
$alive->access($p, version($p));
told(0, 'an access that is not signed yet');
like $lines[-1], qr/ \(pas encore signée\)$/, 'is marked';
is $said->{entries}[-1]{cover}, 'pending', 'for machines';
like $out, $COMPLETE, 'and it is in the list';
like $out, qr/^2 lignes toutes récentes sont enchaînées et pas encore signées\.$/m,
    'with the opening of its epoch';
$alive->checkpoint;
told(0, 'once it is');
unlike $out, qr/pas encore/, 'it is not';
put_back($ended);


# ---------------------------------------------------- whose word an end is

my $story = apart($bucket);
my $stranger = writer();

$story->open;
my ($served, $lost, $both, $refused) = map { $story->access($p, version($p)) } 1 .. 3;
$stranger->open;
$stranger->abandon($served);
$story->abandon($lost, $both);
$story->commit($story->{home}, 'outcome', qq(,"outcomes":[["$both->{trace}",)
    . '200,7,3,0]],"abandoned":[]');
$_->checkpoint, $_->close for $story, $stranger;
told(0, 'ends of accesses');
like $lines[-3], qr/ a lu .* : autorisé \(règle G1\)\.$/, 'another writer\'s word is none';
like $lines[-2], qr/ a demandé à lire .* : autorisé \(règle G1\) ; enregistré, non transmis\.$/,
    'what was not forwarded was asked for';
like $lines[-1], qr/ a lu .* ; 3 montrés, 0 retenu ; dit aussi non transmis, ce que son résultat contredit\.$/,
    'both were said: it was disclosed';
is $said->{abandoned}, 1, 'one of them was not forwarded';
is run('audit', 'export', '--format', 'csv', '--pseudonym', $p, @where), 0, 'as a table';
my ($names, @rows) = map { [split /,/, $_, -1] } split /\r\n/, $out;
my ($column) = grep { $names->[$_] eq 'abandoned' } 0 .. $#$names;
is_deeply [map { $_->[$column] } @rows[-3 .. -1]], ['', 'true', 'true'],
    'what each writer said itself';
is run('audit', 'export', '--format', 'fhir', '--pseudonym', $p, @where), 0, 'as events';
is_deeply [map { decode_json($_)->{outcome} } (split /\n/, $out)[-3 .. -1]], [0, 4, 0],
    'of which one failed';
put_back($ended);

my $late = apart($bucket);
$late->open;
my $early = sprintf '019a0000-0000-7000-8000-%012x', $DMP::Tamper::BUCKETS + 0xabcd;
$late->commit($late->{home}, 'outcome', qq(,"outcomes":[],"abandoned":["$early"]));
my $then = store_ms();
1 while store_ms() == $then;
$late->commit($bucket, 'access', ',' . like_it($last, sub { s/"trace":"[^"]*"/"trace":"$early"/ }),
    patient => $p, version => version($p));
$late->close;
told(0, 'an end before its access');
like $lines[-1], qr/ a lu .* : autorisé \(règle G1\)\.$/, 'is none';
put_back($ended);

$story = apart($bucket);
$story->open;
my $denied = $story->commit($bucket, 'access', ',' . like_it($last, sub {
    s/"actor":\{[^}]*\}/"actor":{"kind":"patient","id":"$other","auth":"session"}/;
    s/"allow","rule":"G1"/"deny","rule":"P1","reason":"not-own-record"/;
    s/"trace":"[^"]*"/"trace":"$early"/ }), patient => $p, version => version($p));
$story->abandon({ trace => $early });
$story->close;
told(0, 'another patient, who was refused');
like $lines[-1], qr/^Le .*, un autre patient, .* a demandé à lire .* : refusé, car ce n'était pas son propre dossier \(/,
    'is not the patient, nor named';
unlike $out, qr/\Q$other\E/, 'by no name';
unlike $lines[-1], qr/non transmis/, 'a refusal is never forwarded';
is $said->{abandoned}, 0, 'nor counted as such';
put_back($ended);


# ---------------------------------------------------- what limits the proof

my $lone = apart($bucket, heartbeat => 30);
$lone->at(time - 100)->open;
$lone->at(time - 95)->checkpoint;
told(0, 'a gateway that fell silent');
like $out, qr/$RESERVE.*^- 1 passerelle s'est tue sans clore son journal/ms, 'is a limit';
unlike $out, $COMPLETE, 'the list is not said to be whole';
is_deeply [@$said{qw(whole trace silent)}], [JSON::PP::false, JSON::PP::true, 1],
    'the same for machines';
put_back($ended);

$lone = apart($bucket);
$heir = writer();
$_->open for $lone, $heir;
$heir->close_other($lone, 'store');
$heir->close;
told(0, 'an epoch that was ended as the store says');
like $out, qr/$RESERVE.*^- 1 journal a été clos d'après la base/ms, 'is a limit';
is $said->{ended_by_store}, 1, 'the same for machines';
put_back($ended);


# ------------------------------------------------------------ what is broken

my $popped = DMP::redis('RPOP', idx($p));
told(1, 'a reference is missing');
like $out, qr/CETTE LISTE N'EST PAS PROUVÉE COMPLÈTE\.\nL'historique du dossier ne nomme pas les mêmes/,
    'said';
is_deeply [@$said{qw(whole history trace)}], [(JSON::PP::false) x 3], 'the same for machines';
unlike $out, qr/$COMPLETE|$RESERVE/, 'and not that it is whole';
DMP::redis('RPUSH', idx($p), $popped);
told(0, 'put back');
DMP::redis('RPUSH', idx($p), "\0\0\0\0\0\1\0\0");
told(1, 'a reference to nothing');
put_back($ended);

rewrite($bucket, sub { splice @{ $_[0] }, index_of($_[0], $reads[0]), 1 });
told(1, 'an entry is missing');
like $out, qr/La trace n'est pas entière \(\d+ constats?\)\.  Le premier : /, 'what it is';
like $out, qr/partition $bucket, /, 'and where';
told(1, 'for every patient', $martin);
put_back($ended);


# --------------------------------------------- words of whoever owns the store

my $bad = "\e[2J\x{9b}1m\x{202e}x";
my $octets = Encode::encode_utf8($bad);

sub harmless
{
    my ($text, $name) = @_;

    unlike decode_utf8($text), qr/[\x00-\x09\x0b-\x1f\x7f-\x9f\x{202e}]/, "$name: nothing for a terminal";
}

DMP::redis('HSET', key(0, "w:$octets"), 'h', DMP::head(1, 1, 'x' x 32));
is run('audit', 'verify', @where, @key, '--all'), 1, 'a head of a writer with such a name';
like $out, qr/a head under a name that is no writer's/, 'it is told';
harmless($out, 'its name');
run('audit', 'verify', @where, @key, '--all', '--json');
unlike $out, qr/[^\x0a\x20-\x7e]/, 'in ASCII for machines';
put_back($ended);

DMP::redis('SADD', 'dmp:closed', 1);
DMP::redis('HSET', key(1, 'closed'), 'by', $octets, 'why', "$octets\"", 'at', '1');
is run('audit', 'verify', @where, @key), 0, 'a bucket that was closed with such words';
like $out, qr/^bucket 1 is CLOSED since 1970-\S+Z: "\\u\{1b\}\[2J\\u\{9b\}1m\\u\{202e\}x"", says "\\u\{1b\}/m,
    'they are told';
harmless($out, 'that');
run('audit', 'verify', @where, @key, '--json');
unlike $out, qr/[^\x0a\x20-\x7e]/, 'in ASCII for machines';
is decode_json($out)->{closed}[0]{by}, $bad, 'who read the same';
put_back($ended);

DMP::redis('SET', key(0, "w:$octets"), 'e');
is run('audit', 'verify', @where, @key), 3, 'one of another type';
like $err, qr/the head of \\u\{1b\}\[2J/, 'is named';
harmless($err, 'an error');
put_back($ended);

for my $member ("\e[2J\e[HNo bucket is closed.", '', '01', '-1', ' 1', '1x', $BUCKETS) {
    my $shown = $member =~ s/\e/\\u{1b}/gr;

    DMP::redis('SADD', 'dmp:closed', $member);

    for my $command (['recover'], ['verify', @key], ['recover', '--all', '--confirm',
        '--audit-key', "$keys/audit.key"])
    {
        is run('audit', @$command, @where), 3, "dmp:closed has \"$shown\": $command->[0]";
        like $err, qr/dmp:closed has "\Q@{[ substr $shown, 0, 20 ]}\E.*which is no bucket/,
            'it is told';
        is $out, '', 'and nothing else';
        harmless($err, 'that');
    }

    is run('record', 'block', $martin, '899700314422', @where, @import, '--policy',
        DMP::policy()), 3, 'nothing is changed then';
    put_back($ended);
}

my $closed = bucket_of(P($martin));
my $before = version(P($martin));
DMP::redis('SADD', 'dmp:closed', $closed);
DMP::redis('FCALL', 'dmp1_close', 3, key($closed, 'closed'), 'dmp:closed', 'dmp:meta', 'gate/0',
    'it went back', $closed, 0);
is run('record', 'block', $martin, '899700314422', @where, @import, '--policy',
    DMP::policy()), 3, 'a change in a bucket that is closed';
like $err, qr/bucket $closed is closed: nothing was written\.  "dmpctl audit recover"/,
    'was not made, and why';
unlike $err, qr/not known/, 'which is known';
is version(P($martin)), $before, 'nor was it';
put_back($ended);

for my $case (['a;=1+1', "\"a;'=1+1\""], ['a; "=1', "\"a;' \"\"=1\""], ["a\n-1", "\"a\n'-1\""],
    ['"@x', "\"'\"\"\@x\""], ['a;b', '"a;b"'], ['a=1', 'a=1'])
{
    my ($operator, $cell) = @$case;

    is run('record', 'block', $martin, '899700314422', @where, @import, '--policy',
        DMP::policy(), '--operator', $operator), 0, "an operator $operator" or diag $err;
    is run('audit', 'export', '--format', 'csv', '--kind', 'change', '--actor', $operator,
        @where), 0, 'in a table';
    like $out, qr/,operator,\Q$cell\E,/, 'begins no formula, wherever a cell may begin';
    put_back($ended);
}


# ----------------------------------------------------- answers that are none

for my $case (
    [['tail', '--last', 3], qr/^XREVRANGE/, "*1\r\n*2\r\n\$3\r\n1-1\r\n*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n"],
    [['tail', '--last', 3], qr/^XREVRANGE/, ":1\r\n"],
    [['tail', '--last', 0, '--follow'], qr/^XREAD/, "*1\r\n:1\r\n"],
    [['tail', '--last', 0, '--follow'], qr/^XREAD/, "*1\r\n*2\r\n\$1\r\nx\r\n*0\r\n"],
    [['verify', @key], qr/^SMEMBERS/, "*1\r\n:1\r\n"],
    [['verify', @key], qr/^SMEMBERS/, ":1\r\n"],
    [['recover'], qr/^SMEMBERS/, "*1\r\n*0\r\n"],
    [['recover', '--all'], qr/^SMEMBERS/, "*1\r\n\$-1\r\n"])
{
    my ($command, $which, $reply) = @$case;
    my $fake = FakeRedis->new(DMP::redis_address(), [$which, 'reply', $reply]);

    is run('audit', @$command, '--redis', $fake->address), 3,
        "@$command[0]: " . $reply =~ s/\r\n/ /gr;
    like $err, qr/^dmpctl: store: .*(?:unexpected answer|no bucket)/m, 'in words';
}


for my $case ([[@keys], qr/takes one INS/], [[$ins, @keys[2 .. 5]], qr/cannot vouch/],
    [[$ins, @key], qr/needs --pseudonym-key/])
{
    is run('audit', 'case', @{ $case->[0] }, @where), 2, 'usage';
    like $err, $case->[1], 'the word is named';
    unlike $err, qr/$ins/, 'no INS is repeated';
}


# ------------------------------------------------- more than is read at once

# many of which end in the instant in which they were allowed, as a bucket says
# that is read before theirs
my $many;

do { $many = apart($bucket) } until $many->{home} < $bucket || $bucket == 0;
$many->open;

for (1 .. 1100) {
    my $access = $many->access($p, version($p));

    $many->commit($many->{home}, 'outcome', qq(,"outcomes":[["$access->{trace}",)
        . '200,5000,7,0]],"abandoned":[]');
}

$many->close;
told(0, 'a long history');
is scalar(@lines), 1104, 'has all lines';
is scalar(grep { / ; 7 montrés/ } @lines), 1100, 'and how each ended';
like $out, qr/nomme les mêmes 1104 lignes/, 'one by one';

done_testing;
