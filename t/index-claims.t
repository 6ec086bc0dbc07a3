#!/usr/bin/perl

# Attachments that were claimed: that a build takes no claim out by itself,
# which ones it does when it is told to clear them, and what is shown of them.  A
# gateway that learns a document anew overwrites its facts and leaves the claims:
# the store is made so here.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP;
use Test::More;

use DMP ();
use DMP::Index;
use FakeHost;

plan skip_all => "no $dmpctl: build it first" unless -x $dmpctl;

my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $unreadable = { %{ document('bad') }, author => 'nobody' };

DMP::import_records(map +{ ins => $_, status => 'open' }, $martin, $durand);


# A host with these documents of the two.
sub documents
{
    my ($of_martin, $of_durand) = @_;

    return [
        [of($martin), page([map { document($_, ins => $martin,
            urls => $of_martin->{$_}) } sort keys %$of_martin])],
        [of($durand), page([map { document($_, ins => $durand,
            urls => $of_durand->{$_}) } sort keys %$of_durand])],
    ];
}


sub att_key { 'dmp:att:' . name(@_) }
sub add { my ($attachment, @claims) = @_; redis('SADD', att_key($attachment), @claims) }
sub remove_facts { redis('HDEL', docs_key($_[0]), name("DocumentReference/$_[1]")) }


# martin's m has Binary/m; durand's d has one of its own, and had Binary/m too.
my $honest = documents({ m => ['Binary/m'] }, { d => ['Binary/d'] });

sub contested
{
    clear_index();
    learn($honest);
    add('Binary/m', claim($durand, 'd'));
}


# ------------------------------------------------------ what is taken out

# d was corrected at the host; a gateway has learnt that before the build.
contested();

my $shown = show('Binary/m');
my %said = map { $_->{patient} => $_ } @{ $shown->{documents} };

is $shown->{conflict}, $true, 'a claim of old is a conflict, as for a gateway';
is $shown->{patient}, undef, 'it is nobody\'s';
is $said{ pseudonym($martin) }{confirmed}, $true, 'one claim is confirmed';
is $said{ pseudonym($durand) }{confirmed}, $false, 'the other is not';
is $said{ pseudonym($durand) }{document}{id}, 'd', 'and whose it is, is said';
is $said{ pseudonym($durand) }{hash}, name('DocumentReference/d'), 'by its name';

counts(learn($honest, '--patient', $martin), conflicts => 1,
    claims_removed => 0);
like $err, qr/^dmpctl: Binary\/m is claimed by documents of two patients/m,
    'a build of one record names it';
my $advice = qr/^dmpctl: claims are left as they are: a build of all records with --clear-claims takes out those that the host makes no more; look first whose they are \(dmpctl index show Binary\/ID\)$/m;
like $err, $advice, 'and says what would take it out';
is scalar @{ att('Binary/m') }, 2, 'nothing was removed';

counts(routine($honest), conflicts => 1, claims_kept => 1, unchanged => 2,
    removed => 0);
like $err, qr/^dmpctl: Binary\/m is claimed by documents of two patients: nobody is shown it \(claims that nothing confirms: 1\)$/m,
    'nor does one of all';
like $err, $advice, 'which says so too';
is show('Binary/m')->{conflict}, $true, 'it stays closed';

counts(cleared($honest), conflicts => 0, claims_removed => 1, claims_kept => 0,
    unchanged => 2, removed => 0);
is_deeply att('Binary/m'), [claim($martin, 'm')], 'one that is told to removes it';
unlike $err, qr/claim/, 'there is nothing to say';
is show('Binary/m')->{patient}, pseudonym($martin), 'it is one patient\'s again';
counts(cleared($honest), conflicts => 0, claims_removed => 0, unchanged => 2);
counts(routine($honest), conflicts => 0, unchanged => 2);
unlike $err, qr/claim/, 'nor after that';


# d was deleted at the host, and a gateway has noticed: its facts have gone.
contested();
remove_facts($durand, 'd');
$shown = show('Binary/m');
is $shown->{conflict}, $true, 'a claim without facts is a conflict too';
is_deeply [grep { !$_->{confirmed} } @{ $shown->{documents} }],
    [{ patient => pseudonym($durand), hash => name('DocumentReference/d'),
        document => undef, confirmed => $false }], 'shown without its document';
my $gone = documents({ m => ['Binary/m'] }, {});
counts(routine($gone), conflicts => 1, claims_kept => 2);
counts(cleared($gone), conflicts => 0, claims_removed => 1, claims_kept => 1);
is_deeply att('Binary/m'), [claim($martin, 'm')], 'its claim goes';
is_deeply att('Binary/d'), [claim($durand, 'd')],
    'where nothing says whose host\'s it is, it stays';


# d was deleted, and only the build notices.
clear_index();
counts(learn(documents({ m => ['Binary/m'] }, { d => ['Binary/m'] })),
    conflicts => 1, claims_removed => 0);
counts(routine($gone), conflicts => 1, removed => 1, claims_kept => 1);
ok !facts_there($durand, 'd'), 'its facts go';
is doc('d'), undef, 'and its hint';
is scalar @{ att('Binary/m') }, 2, 'its claim stays';
counts(cleared($gone), conflicts => 0, removed => 0, claims_removed => 1);
is_deeply att('Binary/m'), [claim($martin, 'm')], 'until it is cleared';

# or the one that does is told to clear
clear_index();
learn(documents({ m => ['Binary/m'] }, { d => ['Binary/m'] }));
counts(cleared($gone), conflicts => 0, removed => 1, claims_removed => 1);
is_deeply att('Binary/m'), [claim($martin, 'm')], 'both at once';


# The rightful document is replaced, deleted or another patient's at the host,
# its Binary is left there, and somebody else's document claims it: each build
# that nobody told to clear leaves it closed.
for my $case (
    ['replaced', documents({ m => ['Binary/new'] }, { d => ['Binary/m'] })],
    ['deleted', documents({}, { d => ['Binary/m'] })],
    ['moved', documents({}, { m => ['Binary/new'], d => ['Binary/m'] })],
) {
    my ($how, $now) = @$case;

    clear_index();
    learn(documents({ m => ['Binary/m'] }, {}));

    for my $time ('at once', 'and again') {
        counts(routine($now), conflicts => 1, claims_kept => 1);
        like $err, qr/^dmpctl: Binary\/m is claimed by/m, "$how: named $time";
        is_deeply att('Binary/m'), [sort(claim($martin, 'm'), claim($durand, 'd'))],
            'both claims stand';
        is show('Binary/m')->{patient}, undef, 'it is nobody\'s';
    }

    counts(routine($now, '--patient', $durand), conflicts => 1);
    counts(cleared($now), conflicts => 0, claims_removed => 1);
    is show('Binary/m')->{patient}, pseudonym($durand),
        'cleared, it is whose document is left';
}


# x was martin's and is durand's now; a gateway has learnt that, and took away
# the claims to what it has now alone.
clear_index();
learn(documents({}, { x => ['Binary/x'], y => ['Binary/old'] }));
add($_, claim($martin, 'x')) for 'Binary/x', 'Binary/old';
$shown = show('Binary/x');
is $shown->{conflict}, $false, 'one document that was moved is no conflict';
is $shown->{patient}, pseudonym($durand), 'it is whose it is now';
is show('Binary/old')->{conflict}, $true, 'what it had before is contested';
my $moved = documents({}, { x => ['Binary/x'], y => ['Binary/old'] });
counts(routine($moved), conflicts => 1, claims_kept => 2);
counts(cleared($moved), conflicts => 0, claims_removed => 2);
is_deeply att('Binary/x'), [claim($durand, 'x')], 'the old claims go';
is_deeply att('Binary/old'), [claim($durand, 'y')], 'both';


# Any number of them.
contested();
add('Binary/m', map { claim($durand, "gone-$_") } 1 .. 3000);
counts(routine($honest), conflicts => 1, claims_kept => 3001);
counts(cleared($honest), conflicts => 0, claims_removed => 3001, claims_kept => 0);
is_deeply att('Binary/m'), [claim($martin, 'm')], 'thousands of claims';


# ------------------------------------------- what is kept when it is cleared

# What the host does claim for two.
clear_index();
my $both = documents({ m => ['Binary/m', "Binary/$martin"] },
    { d => ['Binary/m', "Binary/$martin"] });
add('Binary/m', claim($martin, 'gone'));
counts(cleared($both), conflicts => 2, claims_removed => 1);
unlike $err, qr/claims are left as they are/, 'what could be cleared was';
is scalar @{ att('Binary/m') }, 2, 'a real conflict stays';
like $err, qr/^dmpctl: Binary\/m is claimed by/m, 'and is named';
my $key = att_key("Binary/$martin");
like $err, qr/^dmpctl: \Q$key\E is claimed by/m,
    'one with an INS in its name by its key';


# Facts that do not open may say anything.
contested();
redis('HSET', docs_key($durand), name('DocumentReference/gone'), 'broken');
add('Binary/m', claim($durand, 'gone'));
counts(cleared($honest), conflicts => 1, claims_removed => 1, claims_kept => 1,
    sealed => 1);
is_deeply att('Binary/m'), [sort(claim($martin, 'm'), claim($durand, 'gone'))],
    'a claim whose facts do not open stays';


# Nobody was asked about a patient who has no record.
contested();
add('Binary/m', claim($stranger, 's'));
counts(cleared($honest), conflicts => 1, claims_removed => 1, claims_kept => 1);
is_deeply att('Binary/m'), [sort(claim($martin, 'm'), claim($stranger, 's'))],
    'the claim of one who was not gone through stays';


# A document of the patient that cannot be read may be the one.
contested();
remove_facts($durand, 'd');
my $doubt = [[of($martin), page([document('m', ins => $martin)])],
    [of($durand), page([$unreadable])]];
counts(cleared($doubt), conflicts => 1, claims_removed => 0, unreadable => 1);
is scalar @{ att('Binary/m') }, 2, 'claims stay while one is not readable';

# even where the build itself finds it gone
clear_index();
learn(documents({ m => ['Binary/m'] }, { d => ['Binary/m'] }));
counts(cleared($doubt), conflicts => 1, removed => 1, claims_removed => 0);
ok !facts_there($durand, 'd'), 'its facts go';
is scalar @{ att('Binary/m') }, 2, 'its claim does not';
counts(cleared($gone), conflicts => 0, claims_removed => 1);


# A failure for one patient is a doubt about all.
contested();
{
    my $host = host([$honest->[0],
        [of($durand), FakeHost::answer(500, {}, '{}')]]);
    my $report = build(3, $host->{url}, '--clear-claims');

    stop($host);
    counts($report, failed => 1, conflicts => 1, claims_removed => 0,
        claims_kept => 1);
    like $err, qr/^dmpctl: Binary\/m is claimed by/m, 'it is named all the same';
    like $err, qr/claims are left as they are: --clear-claims takes them out only when the build fails for no patient/,
        'and why it stays';
    is scalar @{ att('Binary/m') }, 2, 'nothing was removed';
}


# Another host's are not ours to judge: claims that are confirmed, that are
# not any more, whose facts are gone, with others that are confirmed and alone.
clear_index();
learn(documents({ m => ['Binary/m', 'Binary/two'] }, { d => ['Binary/two'] }),
    '--host', 'other');

sub theirs { pseudonym($_[0]) . ':' . name("DocumentReference/$_[1]", 'other') }

redis('SADD', att_key('Binary/m', 'other'), theirs($durand, 'd'),
    theirs($durand, 'gone'));
redis('SADD', att_key('Binary/lost', 'other'), theirs($martin, 'gone'),
    theirs($durand, 'gone'));

my $before = index_contents();

counts(cleared([]), conflicts => 0, claims_removed => 0, claims_kept => 3,
    removed => 0);
is_deeply index_contents(), $before, 'another host\'s claims stay';
counts(cleared(documents({ m => ['Binary/m', 'Binary/two'] },
    { d => ['Binary/two'] }), '--host', 'other'), conflicts => 1,
    claims_removed => 2, claims_kept => 2);
is scalar @{ redis('SMEMBERS', att_key('Binary/m', 'other')) }, 1,
    'until its own build';


# What is no claim is left, and counts for nothing.
contested();
add('Binary/m', 'x', 'y' x 45);
counts(cleared($honest), conflicts => 0, claims_removed => 1, claims_kept => 0);
is scalar @{ att('Binary/m') }, 3, 'what is no claim stays';

ok eval { DMP::verify_trace(); 1 }, 'the trace is whole' or diag $@;

done_testing;
