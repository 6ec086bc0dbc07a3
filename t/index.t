#!/usr/bin/perl

# dmpctl index against a real store and a real record host: what is learnt,
# under which names, and that it says nothing to the store's owner; then what
# becomes of it when a host says something else.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP;
use Test::More;

use DMP ();
use DMP::Index;
use DMP::Proc qw(dir);
use FakeHost;

plan skip_all => "no $dmpctl: build it first" unless -x $dmpctl;

my %documents = ($martin => 12, $durand => 10, $bernard => 10, $paoli => 9);


# ------------------------------------------------------------ the real host

DMP::import_records(map +{ ins => $_, status => 'open' }, $martin, $durand,
    $bernard, $paoli);

my $real = 'http://' . DMP::backend_address() . '/fhir';
my $mark = DMP::trace_mark();
my $report = build(0, $real);

counts($report, patients => 4, failed => 0, documents => 41, attachments => 40,
    added => 41, changed => 0, unchanged => 0, removed => 0, moved => 0,
    foreign => 0, unreadable => 0, sealed => 0, conflicts => 0);

is redis('HLEN', docs_key($_)), $documents{$_}, "documents of $_"
    for sort keys %documents;

is doc('martin-consultation-1'), pseudonym($martin), 'dmp:doc:H says P';
is doc('bernard-consultation-1'), pseudonym($bernard),
    'also where a literal reference is the subject';
is_deeply att('Binary/martin-consultation-1'),
    [claim($martin, 'martin-consultation-1')], 'dmp:att:H says P:H';
is_deeply att('Binary/durand-sortie'), [claim($durand, 'durand-sortie')],
    'an absolute address is the same attachment';
is_deeply att('Bundle/martin-synthese'), [claim($martin, 'martin-synthese')],
    'a Bundle is one too';
is doc('example-annexe-docref-cda'), undef,
    'nothing of patients who have no record';

my @names = keys %{ index_contents() };
is scalar(@names), 41 + 40 + 4, 'and no other key';

is_deeply show('martin-psychiatrie'), {
    patient => pseudonym($martin),
    document => {
        id => 'martin-psychiatrie',
        master => 'urn:oid:1.2.250.1.213.1.4.8.99999.1.12',
        types => [['http://loinc.org', '11488-4']], labels => ['masked'],
        authors => ['899700218896'], structures => [],
        by_patient => JSON::PP::false, by_others => JSON::PP::true,
        replaces => JSON::PP::false, status => 'current',
        archived => JSON::PP::false, deposited => '2024-11-28',
        inlined => JSON::PP::false,
        attachments => ['Binary/martin-psychiatrie'],
    },
}, 'the facts of a document';

is show('martin-vaccination')->{document}{inlined}, JSON::PP::true, 'inlined';
is_deeply show('martin-vaccination')->{document}{attachments}, [],
    'without an attachment elsewhere';
is show('DocumentReference/durand-consultation-1')->{document}{status},
    'superseded', 'a status; and the whole name of a document';
is_deeply show('durand-anapath')->{document}{labels}, ['invisible-patient'],
    'another label';

my $shown = show('Binary/durand-sortie');
is $shown->{patient}, pseudonym($durand), 'whose an attachment is';
is $shown->{conflict}, JSON::PP::false, 'of one patient';
is_deeply [map $_->{document}{id}, @{ $shown->{documents} }], ['durand-sortie'],
    'and of which document';

is show('absent'), undef, 'an absent document';
is $rc, 1, 'is a no';
is show('Binary/absent'), undef, 'an absent attachment';
is $rc, 1, 'as well';
is show('martin-psychiatrie', '--host', 'other'), undef,
    'a document of another host has another name';

# the facts of one document under the name of another do not open
{
    my ($from, $to) = map name("DocumentReference/$_"), 'martin-psychiatrie',
        'martin-consultation-1';
    my $kept = redis('HGET', docs_key($martin), $to);

    redis('HSET', docs_key($martin), $to, redis('HGET', docs_key($martin), $from));
    is show('martin-consultation-1'), undef, 'moved facts are not shown';
    is $rc, 3, 'they do not open';
    redis('HSET', docs_key($martin), $to, $kept);
}


# What the store's owner sees: no INS, no id of anything, no host's name.
{
    my $text = encode_json([map { contents($_) } '*']);
    my @words = ($martin, $durand, $bernard, $paoli, '"main"', 'main/',
        'Binary', 'DocumentReference', 'consultation', 'psychiatrie',
        'biologie', 'ordonnance', '99999.1', '899700218896', '127.0.0.1',
        'loinc');

    # JSON of bytes: a word in plain text would stand as it is
    is_deeply [grep { index($text, $_) >= 0 } @words], [],
        'nothing in clear in the whole store';
    cmp_ok length $text, '>', 20_000, 'which was looked at';
    cmp_ok index($text, pseudonym($martin)), '>=', 0, 'pseudonyms are there';
}


# What the host was asked: who cannot exist, then each patient; GET alone.
{
    my @asked = DMP::backend();
    my ($first, @rest) = map { $_->{target} } @asked;

    is_deeply [map { $_->{method} } @asked], [('GET') x 5], 'what was asked';
    like $first, of($nobody), 'about nobody first';
    like $_, qr{^/fhir/DocumentReference\?patient\.identifier=(\Q$system\E\.(?:8|9|10|11)%7C\w{15},?){4}&_count=200$},
        'under the four systems' for @rest;
    is_deeply [sort map { /%7C(\w+)/ } @rest],
        [sort $martin, $durand, $bernard, $paoli], 'about each patient';
}


# The trace: who did what, and to how many; whole.
{
    my @said = map { $_->{body} } DMP::trace($mark, qr/^admin$/);

    is_deeply [map { $_->{phase} } @said], ['begin', 'end'], 'traced';
    is $_->{command}, 'index build', 'as what it is' for @said;
    is $said[0]{trace}, $said[1]{trace}, 'under one trace';
    is_deeply [@{ $said[1] }{qw(added changed removed)}], [41, 0, 0], 'numbers';
    ok !exists $said[0]{digest}, 'nothing to digest';
    ok eval { DMP::verify_trace(); 1 }, 'the trace is whole' or diag $@;
}


# Again: nothing is written, also by pages of three.
my $before = index_contents();

counts(build(0, $real), added => 0, changed => 0, unchanged => 41,
    removed => 0, moved => 0);
is_deeply index_contents(), $before, 'not a byte has changed';

counts(build(0, $real, '--page-size', 3), patients => 4, documents => 41,
    unchanged => 41, removed => 0);
is_deeply index_contents(), $before, 'nor by pages';
ok scalar(grep { /_offset=9/ } map { $_->{target} } DMP::backend()),
    'the host was asked page by page';

# What somebody took out comes back; hints alone are a change.
redis('DEL', 'dmp:doc:' . name('DocumentReference/paoli-vih'));
redis('SREM', 'dmp:att:' . name('Binary/paoli-vih'), claim($paoli, 'paoli-vih'));
redis('DEL', 'dmp:att:' . name('Binary/paoli-synthese'));
redis('HDEL', docs_key($paoli), name('DocumentReference/paoli-adolescence'));
counts(build(0, $real, '--patient', $paoli), patients => 1, added => 1,
    changed => 2, unchanged => 6);
is doc('paoli-vih'), pseudonym($paoli), 'the hint is back';
is_deeply att('Binary/paoli-vih'), [claim($paoli, 'paoli-vih')], 'and the claim';
ok facts_there($paoli, 'paoli-adolescence'), 'and the facts';

# Another host has an index of its own beside this one.
counts(build(0, $real, '--host', 'other'), added => 41, removed => 0);
counts(build(0, $real), unchanged => 41, removed => 0);
is doc('martin-psychiatrie', 'other'), pseudonym($martin), 'both are kept';
is redis('HLEN', docs_key($martin)), 24, 'in one hash';

run(build_args($real));
is $rc, 0, 'in words';
like $out, qr/^4 patients, 0 of them failed\n41 documents with 40 attachments: /,
    'for people';


# ------------------------------------------------------------------- changes

clear_index();

# Whose is kept, and whose is not.
counts(learn([[of($martin), page([
        document('own', ins => $martin), document('unnamed', unnamed => 1),
        document('silent'), document('foreign', ins => $durand),
        document('stranger', ins => $stranger),
        { resourceType => 'OperationOutcome', issue => [{ severity => 'warning', code => 'x' }] },
        { resourceType => 'Patient', id => '1' },
        { %{ document('twice', ins => $martin) }, author => 'nobody' },
        { %{ document('x', ins => $martin) }, id => 'x' x 65 },
        do { my $d = document('x', ins => $martin); delete $d->{id}; $d },
    ])]]), patients => 4, documents => 3, added => 3, foreign => 2,
    unreadable => 4, removed => 0);
is doc($_), pseudonym($martin), "$_ is kept" for qw(own unnamed silent);
is doc($_), undef, "$_ is not" for qw(foreign stranger twice x);
is redis('EXISTS', 'dmp:att:' . name('Binary/foreign')), 0,
    'nor is what it would have claimed';


# Facts that change, attachments that come and go, documents that go.
my $changed = [[of($martin), page([
        document('own', ins => $martin, label => 'MASQUE_PS',
            urls => ['Binary/own-2', 'Binary/own-2', 'Bundle/own',
                'http://elsewhere/fhir/Binary/x', 'Patient/1', 'urn:uuid:1']),
        document('silent'),
    ])]];
counts(routine($changed), added => 0, changed => 1, unchanged => 1,
    removed => 1, attachments => 3, claims_kept => 2);
is_deeply show('own')->{document}{labels}, ['masked'], 'a new label';
is_deeply show('own')->{document}{attachments}, ['Binary/own-2', 'Bundle/own'],
    'its attachments, each once, of the host alone';
is_deeply att('Binary/own'), [claim($martin, 'own')], 'the old claim stands';
is_deeply att("B$_"), [claim($martin, 'own')], "B$_ is" for qw(inary/own-2 undle/own);
is doc('unnamed'), undef, 'what is gone has no hint';
ok !facts_there($martin, 'unnamed'), 'and no facts';
is_deeply att('Binary/unnamed'), [claim($martin, 'unnamed')],
    'but claims what it did';

counts(cleared($changed), unchanged => 2, claims_removed => 1, claims_kept => 1);
is_deeply att('Binary/own'), [], 'until it is cleared';


# A document that is another patient's now: its claims alone stay under the old
# one, and are no conflict.
my $moved = [[of($martin), empty()], [of($durand), page([
        document('own', ins => $durand, urls => ['Binary/own-2'])])]];
counts(routine($moved, '--patient', $durand), added => 1, moved => 1,
    removed => 0, conflicts => 0);
is doc('own'), pseudonym($durand), 'the hint follows';
ok !facts_there($martin, 'own'), 'its facts have gone';
ok facts_there($durand, 'own'), 'to where it is';
is_deeply att('Binary/own-2'), [sort map { claim($_, 'own') } $martin, $durand],
    'its claim is made once more';
is_deeply att('Bundle/own'), [claim($martin, 'own')],
    'one it has no more stands';
is show('Binary/own-2')->{patient}, pseudonym($durand), 'it is whose it is now';

counts(cleared($moved), unchanged => 1, moved => 0, claims_removed => 1);
is_deeply att('Binary/own-2'), [claim($durand, 'own')], 'cleared: one claim';

# the same, where the old facts do not open
redis('SET', 'dmp:doc:' . name('DocumentReference/own'), pseudonym($martin));
redis('HSET', docs_key($martin), name('DocumentReference/own'), 'broken');
redis('SADD', 'dmp:att:' . name('Binary/own-2'), claim($martin, 'own'));
counts(routine($moved, '--patient', $durand), changed => 1, moved => 1,
    conflicts => 0);
ok !facts_there($martin, 'own'), 'they go as well';
is scalar @{ att('Binary/own-2') }, 2, 'their claim does not';


# An attachment of two patients is nobody's, and is said.
for my $time (1, 2) {
    $report = learn([
        [of($martin), page([document('m', ins => $martin, urls => ['Binary/shared'])])],
        [of($durand), page([document('d', ins => $durand, urls => ['Binary/shared']),
            document('e', ins => $durand, urls => ['Binary/both']),
            document('f', ins => $durand, urls => ['Binary/both'])])]]);
    counts($report, conflicts => 1);
    like $err, qr{Binary/shared is claimed by documents of two patients},
        'it is named';
}
$shown = show('Binary/shared');
is $shown->{conflict}, JSON::PP::true, 'shown as such';
is $shown->{patient}, undef, 'whose: nobody';
is scalar(@{ $shown->{documents} }), 2, 'with both documents';
is show('Binary/both')->{patient}, pseudonym($durand),
    'two documents of one patient are no conflict';

# a claim that no facts confirm is no claim, but stands against the others
redis('SADD', 'dmp:att:' . name('Binary/both'), claim($martin, 'm'));
$shown = show('Binary/both');
is $shown->{conflict}, JSON::PP::true, 'what was claimed once is contested';
is $shown->{patient}, undef, 'so it is nobody\'s';
is_deeply [map [$_->{document}{id}, $_->{confirmed}],
        sort { $a->{document}{id} cmp $b->{document}{id} } @{ $shown->{documents} }],
    [['e', JSON::PP::true], ['f', JSON::PP::true], ['m', JSON::PP::false]],
    'and what confirms it is said';


# An entry that does not open is told, and left.
redis('HSET', docs_key($martin), 'x' x 22, 'broken');
counts(learn([[of($martin), page([document('m', ins => $martin, urls => ['Binary/shared'])])]],
    '--patient', $martin), sealed => 1, removed => 0);
is redis('HGET', docs_key($martin), 'x' x 22), 'broken', 'as it was';


# ------------------------------------------------------------ keys, usage

{
    my $other = dir() . '/other-keys';

    mkdir $other or die "$other: $!\n";
    run('keygen', $_, $other) for qw(record pseudonym);

    my @all = ('index', 'build', $real, '--redis', DMP::redis_address(), '--host',
        'main', '--policy', DMP::policy(), '--audit-key', "$keys/audit.key");

    $before = index_contents();
    is run(@all, '--record-key', "$keys/record.key", '--pseudonym-key',
        "$other/pseudonym.key"), 3, 'another pseudonym key';
    like $err, qr/the pseudonym key given is not that of the record \{dmp:\d\d\}:rec:/,
        'is told';
    is run(@all, '--record-key', "$other/record.key", '--pseudonym-key',
        "$keys/pseudonym.key"), 3, 'another record key';
    like $err, qr/does not open with the record keys given/, 'is told';
    like $err, qr/failed for 4 of 4 patients/, 'for each record';
    is_deeply index_contents(), $before, 'nothing was written';
}

# so many failures in a row are the host's, or ours
{
    DMP::import_records(map {
        my $n = 1_85_01_75_000_000 + $_;
        +{ ins => sprintf('%013d%02d', $n, 97 - $n % 97), status => 'open' };
    } 1 .. 20);

    my $host = host([[of($nobody), empty()], [qr/./, FakeHost::answer(500, {}, '{}')]]);
    my $report = build(3, $host->{url});

    stop($host);
    counts($report, patients => 10, failed => 10);
    like $err, qr/10 patients in a row failed/, 'it stops';
    like $err, qr/stopped after 10 patients/, 'and says where';
    ok eval { DMP::verify_trace(); 1 }, 'the trace is whole' or diag $@;
}

for my $case (
    [[], 'usage: dmpctl index build URL'],
    [[$real, $real], 'usage: dmpctl index build URL'],
    [['ftp://x/fhir'], '"ftp://x/fhir" is no address of a host'],
    [['http://'], '"http://" is no address of a host'],
    [['http:///fhir'], 'is no address of a host'],
    [['http://user:secret@x/fhir'], 'is no address of a host'],
    [['http://x/fhir?a=b'], 'is no address of a host'],
    [['http://x/a/../b'], 'is no address of a host'],
    [[$real, '--base', 'x/fhir'], '--base "x/fhir" is no address of a host'],
    [[$real, map { ('--base', "http://h$_/fhir") } 1 .. 31], '--base is given more than'],
    [[$real, '--page-size', 0], '--page-size "0" is not a number of 1 to 1000'],
    [[$real, '--page-size', 1001], '--page-size "1001" is not'],
    [[$real, '--page-size', 'x'], '--page-size "x" is not'],
    [[$real, '--patient', 'x'], '--patient names is not an INS'],
    [[$real, '--patient', $martin, '--clear-claims'],
        '--clear-claims needs a build of all records: it is not given with --patient'],
    [[$real, '--cert', 'x'], '--cert and --key are given together'],
    [[$real, '--key', 'x'], '--cert and --key are given together'],
    [[$real, '--host', ''], '--host "" is no name of a host'],
    [[$real, '--host', 'a b'], '--host "a b" is no name of a host'],
    [[$real, '--what'], 'unknown option "--what"'],
) {
    my ($args, $why) = @$case;
    my @host = grep({ $_ eq '--host' } @$args) ? () : ('--host', 'main');

    is run('index', 'build', @$args, @store, @host, '--policy', DMP::policy(),
        '--audit-key', "$keys/audit.key"), 2, "usage: @$args";
    like $err, qr/\Q$why\E/, 'says what';
}

is run('index', 'build', $real, @store), 2, 'what is needed';
like $err, qr/--host, --policy, --record-key, --pseudonym-key and --audit-key are needed/,
    'is named';
is run(build_args($real, '--patient', '255081416802538')), 1, 'no such record';
like $err, qr/there is no record of that INS/, 'is a no';
is run('index', 'show', 'x', @store), 2, 'show needs a host';
is run('index', 'show', @store, '--host', 'main'), 2, 'and a name';
is show('Patient/x'), undef, 'nothing is kept of a Patient';
is $rc, 2, 'usage';
is show('Binary/a/b'), undef, 'no name of an attachment';
is $rc, 2, 'usage as well';
is show('x' x 65), undef, 'nor of a document';
is $rc, 2, 'usage again';
is run('help', 'index'), 0, 'help';
like $out, qr/dmpctl index build URL.*dmpctl index show ID/s, 'for both';

done_testing;
