#!/usr/bin/perl

# dmpctl record against a real store: each change of rights, what it makes of
# the record, what is traced and told of it, what is refused, and that nothing
# is said to be done before the deadline has passed.

use strict;
use warnings;

use lib 't/lib';

use Encode ();
use JSON::PP;
use POSIX ();
use Test::More;

use DMP ();
use DMP::Index;
use DMP::Proc qw(dir slurp wait_for);
use Emergency qw(key_of outbox open_seal store_bytes traits_key);
use FakeRedis;

plan skip_all => "no $dmpctl: build it first" unless -x $dmpctl;

my ($MOREL, $PETIT, $ROUX, $CENTRE) =
    qw(899700218896 899700314422 899700451273 1750712184);
my $ADELI = '0751234567';
our @with = ('--policy', DMP::policy(), '--audit-key', "$keys/audit.key",
    '--operator', 'anne', '--node', 'office');

DMP::initialise_store();
DMP::redis('HSET', 'dmp:meta', 'deadline_ms', 10);

# how that of the policy begins, which is what entries have of it
run('policy', 'check', DMP::policy());
my ($digest) = $out =~ /^digest +([\w-]{22})/m;


# ------------------------------------------------------------------ helpers

# The record as "record show" has it; its version.
sub shown
{
    my ($ins) = @_;

    my ($rc, $out) = do { run('record', 'show', $ins, @store, '--json'); ($rc, $out) };

    return $rc == 0 ? decode_json($out) : { version => 0 };
}

# What stands in the trace since, of the tool and its changes.
sub traced { grep { $_->{body}{kind} =~ /^(?:change|access)$/ } DMP::trace($_[0]) }

# What is sealed in an entry, with the trace id and no other name.
sub details_of
{
    my ($entry) = @_;

    my $sealed = $entry->{body}{details} // return undef;

    is eval { open_seal($sealed, $DMP::Index::martin, 'details', 1) }, undef,
        'it opens under no other name';
    is eval { open_seal($sealed, $entry->{body}{trace}, 'justification', 1) }, undef,
        'nor as another field';

    return decode_json(Encode::encode_utf8(
        open_seal($sealed, $entry->{body}{trace}, 'details', 1)));
}

# A change that is made.  has: members of the record; details, target; changed.
sub changes
{
    my ($what, $verb, $ins, $words, %o) = @_;

    my $changed = $o{changed} // 1;
    my $before = shown($ins);
    my $told = outbox($ins);
    my $mark = DMP::trace_mark();

    is run('record', $verb, $ins, @$words, @store, @with, '--json'), 0, $what
        or return diag $err;

    my $said = decode_json($out);
    my $after = shown($ins);
    my ($entry, @more) = traced($mark);

    is $after->{version}, $before->{version} + 1, "$what: a version more";
    is $said->{version}, $after->{version}, "$what: which is said";
    is !!$said->{changed}, !!$changed, "$what: whether it had an effect";
    is_deeply [map { $after->{record}{$_} } sort keys %{ $o{has} }],
        [map { $o{has}{$_} } sort keys %{ $o{has} }], "$what: the record"
        or diag explain $after;
    is_deeply $after->{record}, $before->{record}, "$what: no other"
        unless $changed;

    is scalar(@more), 0, "$what: one entry";
    is_deeply { map { $_ => $entry->{body}{$_} } qw(kind operation mode decision
            reason version new_version route trace emergency) },
        { kind => 'change', operation => $o{operation} // 'rights', mode => 'normal',
          decision => 'allow', reason => 'none', version => $before->{version},
          new_version => $after->{version}, route => "dmpctl record $verb",
          trace => $said->{trace}, emergency => JSON::PP::false },
        "$what: traced";
    is $entry->{outcome}, 'R', "$what: as made";
    is_deeply $entry->{body}{actor},
        { kind => 'operator', id => 'anne', auth => 'operator' }, "$what: by whom";
    is $entry->{body}{change}, $o{operation} ? undef : $verb, "$what: which change";
    is $entry->{body}{target}, $o{target}, "$what: whom it concerns";
    is_deeply $entry->{body}{documents}, $o{documents}, "$what: which document";
    is $entry->{body}{policy}, $digest, "$what: by which policy";
    is_deeply details_of($entry), $o{details}, "$what: what is sealed";

    my @new = outbox($ins);
    splice @new, 0, $told;
    is_deeply [map { [@$_{qw(kind entry fields)}] } @new],
        $changed ? [['rights-changed', $entry->{id}, 'e k p']] : [],
        "$what: who is told";

    return $entry;
}

# A change that is denied, and traced as an access.
sub refuses
{
    my ($what, $verb, $ins, $words, $rule, $reason, %o) = @_;

    my $before = shown($ins);
    my $told = outbox($ins);
    my $mark = DMP::trace_mark();

    is run('record', $verb, $ins, @$words, @store, @with), 1, $what or diag $err;
    is $out, '', "$what: nothing is done";
    like $err, qr/^dmpctl: refused by $rule, $reason: $o{why}/, "$what: it says why";
    is run('record', $verb, $ins, @$words, @store, @with, '--json'), 1, "$what: again";

    my $said = decode_json($out);
    is_deeply [@$said{qw(done rule reason)}], [JSON::PP::false, $rule, $reason],
        "$what: for machines";

    my @entries = traced($mark);
    is scalar(@entries), 2, "$what: traced each time";
    is_deeply { map { $_ => $entries[1]{body}{$_} } qw(kind operation decision rule
            reason version change target trace new_version details) },
        { kind => 'access', operation => $o{operation} // 'rights',
          decision => 'deny', rule => $rule, reason => $reason,
          version => $before->{version}, change => $o{operation} ? undef : $verb,
          target => $o{target}, trace => $said->{trace}, new_version => undef,
          details => undef }, "$what: as refused";
    is $entries[1]{outcome}, '1', "$what: on this version";
    is shown($ins)->{version}, $before->{version}, "$what: the record stays";
    is scalar(outbox($ins)), $told, "$what: nobody is told";
}

# Days in Europe/Paris, by the system's own tables.
sub day { local $ENV{TZ} = 'Europe/Paris'; POSIX::tzset();
          my ($y, $m, $d) = (localtime(time + 86400 * $_[0]))[5, 4, 3];
          return sprintf '%04d-%02d-%02d', $y + 1900, $m + 1, $d }


# ------------------------------------------------- an import: traits, notices

my %traits = (family => 'MARTIN', birth_family => "LEF\x{c8}VRE",
    given => "Jeanne Zo\x{e9}", birthdate => '1985-03-02', sex => 'F');
my %record = (ins => $martin, status => 'open', traits => \%traits,
    emergency => { bris_de_glace => JSON::PP::true });
my @found = map { traits_key(@$_, '1985-03-02') } ['martin', 'jeanne'],
    ['martin', 'zoe'], ['martin', 'jeannezoe'], ['lefevre', 'jeanne'],
    ['lefevre', 'zoe'], ['lefevre', 'jeannezoe'];

sub traits_now { [sort @{ DMP::redis('KEYS', 'dmp:traits:*') }] }

sub import_one
{
    my ($record, @options) = @_;

    open my $file, '>', dir() . '/one.jsonl' or die $!;
    print $file JSON::PP->new->utf8->encode($record), "\n";
    close $file or die $!;

    return run('record', 'import', dir() . '/one.jsonl', @store,
        @with[2 .. $#with], @options);
}

is import_one(\%record), 0, 'a record is imported' or diag $err;
is_deeply traits_now(), [sort @found], 'and found by each of its names';
is_deeply DMP::redis('SMEMBERS', $found[0]), [pseudonym($martin)], 'by pseudonym';
is_deeply [map { $_->{kind} } outbox($martin)], ['record-created'], 'its owner is told';

DMP::redis('DEL', $found[1]);
is import_one(\%record), 0, 'again';
like $out, qr/^0 records imported, 1 unchanged/, 'nothing changes';
is_deeply traits_now(), [sort @found], 'and what was lost of them is made again';
is scalar(outbox($martin)), 1, 'nobody is told';

# room is left for what comes later, a block above all
my $big = '2850399000001' . (97 - 2850399000001 % 97);
for my $more (0, 1) {
    my %large = (ins => $big, status => 'closed', masked => [('x' x 247) x 982]);
    my $left = 240 * 1024 - length(JSON::PP->new->utf8->encode(\%large)) - 3;

    push @{ $large{masked} }, 'y' x ($left + $more);
    is import_one(\%large), $more, 240 * 1024 + $more . ' bytes';
    next if !$more;
    like $err, qr/one\.jsonl: line 1: a record of 245761 bytes: at most 245760, /,
        'are one too many';
    unlike $err, qr/x{247}|y{9}/, 'without what stands in it';
    like shown($big)->{record}{masked}[-1], qr/^y{$left}\z/, 'and the one of before stays';
}

# through a store in the middle, which tells the order
my $fake = FakeRedis->new(DMP::redis_address());
$traits{given} = 'Jeanne';
$traits{family} = 'MOREAU';
my @direct = @store;
$store[1] = $fake->address;
is import_one(\%record), 0, 'another name';
@store = @direct;

my @order = map { /^(SADD|SREM|FCALL dmp1_change)\b/ } $fake->commands;
$fake->stop;
is_deeply \@order, ['SADD', 'SADD', 'FCALL dmp1_change', ('SREM') x 5],
    'new traits come before the record, old ones go after it';
is_deeply traits_now(), [sort $found[3],
    traits_key('moreau', 'jeanne', '1985-03-02')], 'no other is left';
is_deeply [map { $_->{kind} } outbox($martin)], ['record-created', 'rights-changed'],
    'its owner is told that it changed';

DMP::import_records({ ins => $durand, status => 'closed' });
DMP::import_records({ ins => $bernard, status => 'open' });
is scalar(@{ traits_now() }), 2, 'without traits there are none';
DMP::import_directory({ kind => 'person', ids => [$MOREL, $ADELI] });


# --------------------------------------------------------------- each change

my ($today, $year) = (day(0), day(365));

changes('authorise', 'authorise', $martin, [$PETIT], target => $PETIT,
    has => { authorisations => { $PETIT => { since => $today, until => $year,
        by => 'operator' } } }, details => { since => $today, until => $year });
changes('authorise until a day', 'authorise', $martin, [$PETIT, '--until', day(30)],
    target => $PETIT, details => { since => $today, until => day(30) },
    has => { authorisations => { $PETIT => { since => $today, until => day(30),
        by => 'operator' } } });
changes('authorise again', 'authorise', $martin, [$PETIT, '--until', day(30)],
    target => $PETIT, details => { since => $today, until => day(30) }, changed => 0);
changes('authorise by ADELI', 'authorise', $martin, [$ADELI], target => $ADELI,
    details => { also => [$MOREL], since => $today, until => $year });
changes('designate', 'designate', $martin, [$MOREL], target => $MOREL,
    has => { treating => [$MOREL] }, details => { also => [$ADELI] });
changes('designate again', 'designate', $martin, [$MOREL], target => $MOREL,
    details => { also => [$ADELI] }, changed => 0);

run('record', 'withdraw', $martin, $ADELI, @store, @with);
is $rc, 0, 'withdraw from a treating physician';
like $out, qr/^done: $ADELI has no authorisation in this record, but is a treating physician, who needs none since 20\d\d-/,
    'who needs none';

my $block = changes('block', 'block', $martin, [$ADELI], target => $ADELI,
    has => { treating => [] }, details => { also => [$MOREL] });
ok grep({ $_ eq $ADELI } @{ shown($martin)->{record}{blocked} }), 'is blocked';
changes('block again', 'block', $martin, [$ADELI], target => $ADELI, changed => 0,
    details => { also => [$MOREL] });
run('record', 'block', $martin, $ADELI, @store, @with);
is $out, "done: $ADELI is blocked in this record; it was already so\n", 'it is said';
run('record', 'block', $martin, $ROUX, @store, @with);
like $out, qr/^done: $ROUX is blocked in this record since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    'since when, otherwise';

refuses('authorise one who is blocked', 'authorise', $martin, [$ADELI], 'F1',
    'blocked', why => qr/the patient has blocked them/, target => $ADELI);
refuses('designate by another identifier', 'designate', $martin, [$MOREL], 'F1',
    'blocked', why => qr/the patient has blocked them/, target => $MOREL);

changes('unblock', 'unblock', $martin, [$MOREL], target => $MOREL,
    has => { blocked => [$ROUX], treating => [] }, details => { also => [$ADELI] });
changes('dismiss', 'dismiss', $martin, [$MOREL], target => $MOREL, changed => 0,
    details => { also => [$ADELI] });
changes('withdraw', 'withdraw', $martin, [$PETIT], target => $PETIT,
    has => { authorisations => {} });
changes('withdraw again', 'withdraw', $martin, [$PETIT], target => $PETIT, changed => 0);
changes('a structure', 'authorise', $martin, [$CENTRE], target => $CENTRE,
    details => { since => $today, until => $year });

my ($no, $yes) = (JSON::PP::false, JSON::PP::true);

changes('oppose', 'oppose', $martin, ['--bris-de-glace', 'no', '--centre-15', 'yes'],
    has => { emergency => { bris_de_glace => $no, centre_15 => $yes } },
    details => { bris_de_glace => $no, centre_15 => $yes });
changes('oppose again', 'oppose', $martin, ['--bris-de-glace', 'no'], changed => 0,
    details => { bris_de_glace => $no });
run('record', 'oppose', $martin, '--masked', 'yes', @store, @with);
like $out, qr/^done: in this record bris de glace is opposed, centre 15 is agreed to, showing masked documents in either is agreed to since /,
    'all of it is said';

changes('mask by default', 'mask-default', $martin, ['yes'],
    has => { mask_by_default => $yes }, details => { mask_by_default => $yes });
changes('not by default', 'mask-default', $martin, ['no'],
    has => { mask_by_default => $no }, details => { mask_by_default => $no });

changes('contact', 'contact', $martin, ['--email', 'jeanne@example.org', '--prefer',
    'email'], has => { contact => { email => 'jeanne@example.org', prefer => 'email' } },
    details => { email => 'set', prefer => 'set' });
changes('no contact', 'contact', $martin, ['--email', ''], details => { email => 'removed' },
    has => { contact => { prefer => 'email' } });
changes('a telephone', 'contact', $martin, ['--phone', '+33 6 12 34 56 78'],
    has => { contact => { prefer => 'email', phone => '+33 6 12 34 56 78' } },
    details => { phone => 'set' });

changes('representative', 'name-representative', $martin, [$paoli, '--until', day(3650)],
    has => { representatives => [{ ins => $paoli, until => day(3650) }] },
    details => { representative => $paoli, until => day(3650) });
changes('no representative', 'remove-representative', $martin, [$paoli],
    has => { representatives => [] }, details => { representative => $paoli });
changes('none again', 'remove-representative', $martin, [$paoli], changed => 0,
    details => { representative => $paoli });

changes('close', 'close', $martin, [], operation => 'close',
    has => { status => 'closed' });
changes('close again', 'close', $martin, [], operation => 'close', changed => 0);
refuses('block in a closed record', 'block', $martin, [$PETIT], 'C2', 'record-closed',
    why => qr/the record is closed/, target => $PETIT);
changes('reopen', 'reopen', $martin, [], operation => 'reopen',
    has => { status => 'open' });
changes('reopen again', 'reopen', $martin, [], operation => 'reopen', changed => 0);


# ---------------------------------------------------------------- documents

my $master = 'urn:oid:1.2.250.1.213.1.4.8.99999.1.7';
my $patient = { masterIdentifier => { system => 'urn:ietf:rfc:3986',
    value => $master } };
my $type = { type => { coding => [{ system => 'http://loinc.org', code => '11488-4' }] } };

learn([[of($martin), page([
    { %{ document('letter', ins => $martin) }, %$patient, %$type },
    document('plain', ins => $martin),
    document('labelled', ins => $martin, label => 'MASQUE_PS'),
    document("x-$durand", ins => $martin),
])]]);

changes('mask by masterIdentifier', 'mask', $martin, [$master], operation => 'mask',
    has => { masked => [$master] }, details => { document => $master },
    documents => [[$master, '11488-4']]);
changes('mask by id', 'mask', $martin, ['letter'], operation => 'mask', changed => 0,
    details => { document => $master }, documents => [[$master, '11488-4']]);
changes('unmask', 'unmask', $martin, ['letter', '--host', 'main'],
    operation => 'unmask', has => { masked => [] }, details => { document => $master },
    documents => [[$master, '11488-4']]);
run('record', 'mask', $martin, 'plain', @store, @with);
like $out, qr/^done: plain is masked in this record since /, 'what is so now';
run('record', 'unmask', $martin, 'labelled', @store, @with);
like $out, qr/^done: labelled is masked by its label on the record host alone, and by nothing in this record; it was already so/,
    'a label stays';

my $hidden = changes('a name that holds an INS', 'mask', $martin, ["x-$durand"],
    operation => 'mask', details => { document => "x-$durand" },
    documents => [[name("DocumentReference/x-$durand"), '']]);
unlike(JSON::PP->new->encode($hidden->{body}), qr/$durand/, 'stands nowhere in clear');

refuses('an unknown document', 'mask', $martin, ['nothing'], 'H1',
    'document-foreign', operation => 'mask',
    why => qr/the index has no such document of this patient/);
refuses('one of another host', 'mask', $martin, ['plain', '--host', 'other'], 'H1',
    'document-foreign', operation => 'mask',
    why => qr/the index has no such document of this patient/);
refuses('one of another patient', 'unmask', $bernard, ['plain'], 'H1',
    'document-foreign', operation => 'unmask',
    why => qr/the index has no such document of this patient/);

learn([[of($martin), page([
    { %{ document('plain', ins => $martin) }, masterIdentifier => { value => 'another' } },
])]], '--host', 'second');
my $mark = DMP::trace_mark();
is run('record', 'mask', $martin, 'plain', @store, @with), 1, 'an id of two hosts';
like $err, qr/several documents of this patient have that id: say which host's/,
    'is not guessed';
is scalar(traced($mark)), 0, 'nothing was decided';
changes('with its host', 'mask', $martin, ['plain', '--host', 'second'],
    operation => 'mask', details => { document => 'another' },
    documents => [['another', '']]);

# whoever owns the store hides a document, but makes none
my $field = name('DocumentReference/plain');
my $value = DMP::redis('HGET', docs_key($martin), $field);
DMP::redis('HSET', docs_key($martin), $field, $value ^ ("\0" x 40 . "\1"));
is run('record', 'mask', $martin, 'nothing', @store, @with), 3,
    'what does not open might be it';
like $err, qr/1 documents of this patient do not open/, 'it says so';
DMP::redis('HSET', docs_key($martin), $field, $value);


# ----------------------------------------------------------------- refusals

refuses('no record', 'block', $paoli, [$PETIT], 'C1', 'record-absent',
    why => qr/there is no record of that INS/, target => $PETIT);
refuses('a closed record', 'contact', $durand, ['--email', 'a@example.org'], 'C2',
    'record-closed', why => qr/the record is closed/);
refuses('until today', 'authorise', $martin, [$PETIT, '--until', $today], 'E1',
    'right-missing', why => qr/the policy gives an operator no such right, or not until/,
    target => $PETIT);
refuses('until too far off', 'authorise', $martin, [$PETIT, '--until', day(367)], 'E1',
    'right-missing', why => qr/the policy gives an operator no such right, or not until/,
    target => $PETIT);
refuses('a representative until yesterday', 'name-representative', $martin,
    [$paoli, '--until', day(-1)], 'E1', 'right-missing',
    why => qr/the policy gives an operator no such right, or not until/);

# what a policy does not give an operator, none has
{
    my $strict = dir() . '/strict';
    DMP::command('cp', '-r', DMP::policy() =~ s{/[^/]*$}{}r, $strict);
    my $rights = slurp("$strict/rights-own.json");
    $rights =~ s/("right": "block",.*?"cells": \[.*?)"oui"\]/$1"non"]/ or die;
    open my $file, '>', "$strict/rights-own.json" or die $!;
    print $file $rights;
    close $file or die $!;

    local $with[1] = "$strict/policy.json";
    refuses('by another policy', 'block', $martin, [$PETIT], 'E1', 'right-missing',
        why => qr/the policy gives an operator no such right$/, target => $PETIT);
}

$mark = DMP::trace_mark();

for my $case (
    [['block'], '"record block" takes an INS and a professional'],
    [['block', $martin], '"record block" takes an INS and a professional'],
    [['close', $martin, 'now'], '"record close" takes an INS'],
    [['close', '12345'], 'the first word is not an INS'],
    [['close', '285037512000152'],
     "the last two digits of the patient's INS do not fit its number"],
    [['block', $martin, '99700218896'], '"99700218896" is no identifier of a professional: 8'],
    [['block', $martin, $CENTRE], qq("$CENTRE" is no identifier of a professional: 8)],
    [['block', $martin, 'Morel'], '"Morel" is no identifier of a professional: 8'],
    [['block', $martin, ''], '"" is no identifier of a professional: 8'],
    [['authorise', $martin, 'morel@x'], 'of a professional or a structure: 8'],
    [['block', $martin, $durand], 'the second word may be an INS'],
    [['authorise', $martin, $PETIT, '--until', '2096-02-30'],
     '--until "2096-02-30" is not a day'],
    [['authorise', $martin, $PETIT, '--until', 'soon'], '--until "soon" is not a day'],
    [['block', $martin, $PETIT, '--until', '2096-01-01'], 'unknown option "--until"'],
    [['oppose', $martin], '--bris-de-glace, --centre-15 or --masked is needed'],
    [['oppose', $martin, '--masked', 'maybe'],
     '--masked "maybe" is neither "yes" nor "no"'],
    [['oppose', $martin, '--masked', ''], '--masked "" is neither "yes" nor "no"'],
    [['mask-default', $martin, 'on'], 'the answer "on" is neither "yes" nor "no"'],
    [['mask', $martin, ''], 'that is no name of a document'],
    [['mask', $martin, 'x' x 257], 'that is no name of a document'],
    [['mask', $martin, "a\xff"], 'that is no name of a document'],
    [['mask', $martin, 'x', '--host', 'a b'], '--host "a b" is no name of a host'],
    [['contact', $martin], '--email, --phone or --prefer is needed'],
    [['contact', $martin, '--email', 'jeanne'], '--email "jeanne" is no address'],
    [['contact', $martin, '--email', 'a@b@c'], '--email "a@b@c" is no address'],
    [['contact', $martin, '--email', "a\@b\n"], 'is no address'],
    [['contact', $martin, '--phone', 'home'], '--phone "home" is no number'],
    [['contact', $martin, '--phone', '0' x 33], 'is no number of a telephone'],
    [['contact', $martin, '--prefer', 'fax'],
     '--prefer "fax" is neither "sms" nor "email"'],
    [['name-representative', $martin, $paoli], '--until is needed'],
    [['name-representative', $martin, '1'], 'the second word is not an INS'],
    [['name-representative', $martin, $martin, '--until', '2096-01-01'],
     'a patient is not their own representative'],
    [['name-representative', $martin, '172066912304539', '--until', '2096-01-01'],
     "the last two digits of the representative's INS do not fit its number"],
) {
    my ($words, $why) = @$case;

    is run('record', @$words, @store, @with), 2, "usage: @$words[0, 2 .. $#$words]";
    like $err, qr/\Q$why\E/, 'says what';
    unlike $err, qr/$martin|$durand|$paoli/, 'and no INS';
}

is run('record', 'close', $martin, @store, @with[2 .. $#with]), 2, 'no policy';
like $err, qr/--policy is needed/, 'is named';
is run('record', 'close', $martin, '--policy', DMP::policy()), 2, 'no keys';
like $err, qr/--record-key, --pseudonym-key and --audit-key are needed/, 'are named';
is run('record', 'close', $martin, @store, '--policy', dir() . '/nothing.json',
    @with[2 .. $#with]), 3, 'no such policy';
is run('record', 'cloze', $martin), 2, 'no such change';
is scalar(traced($mark)), 0, 'none of it was traced';
is run('help', 'record', 'name-representative'), 0, 'help';
like $out, qr/^usage: dmpctl record name-representative INS INS --until DAY$/m, 'for each';

# what the directory says of a professional must open
my $entry = DMP::redis('HGET', "dmp:dir:$MOREL", 'd');
DMP::redis('HSET', "dmp:dir:$MOREL", 'd', DMP::redis('HGET', "dmp:dir:$ADELI", 'd'));
is run('record', 'block', $martin, $MOREL, @store, @with), 3,
    'whose other identifiers are not known is not blocked by halves';
like $err, qr/dmp:dir:$MOREL does not open/, 'it says so';
DMP::redis('HSET', "dmp:dir:$MOREL", 'd', $entry);


# --------------------------------------------- another comes first, and waits

# The tool in the background, its output in a file.
my $runs = 0;

sub start_tool
{
    my ($address, @words) = @_;

    my $log = dir() . '/tool-' . ++$runs;
    my @command = ($dmpctl, 'record', @words, '--redis', $address, @store[2 .. $#store],
        @with);

    return { log => $log, pid => fork_tool($log, @command) };
}

sub fork_tool
{
    my ($log, @command) = @_;

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDOUT, '>', $log or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(126);
        exec { $command[0] } @command or POSIX::_exit(127);
    }

    return $pid;
}

my $slow = FakeRedis->new(DMP::redis_address(),
    [qr/^FCALL dmp1_change/, 'stall', when => 'held']);
$slow->on('held');

my $was = shown($bernard)->{version};
my $tool = start_tool($slow->address, 'block', $bernard, $PETIT);

wait_for { grep { /^FCALL dmp1_change/ } $slow->commands } 'the commit';
is run('record', 'block', $bernard, $ROUX, @store, @with), 0, 'another is faster';
$slow->off('held');
waitpid $tool->{pid}, 0;
is $? >> 8, 0, 'the slower one tries again' or diag slurp($tool->{log});
$slow->stop;
is_deeply [@{ shown($bernard) }{'version'}, sort @{ shown($bernard)->{record}{blocked} }],
    [$was + 2, $PETIT, $ROUX], 'and both hold';
is_deeply [map { $_->{outcome} } grep { $_->{body}{patient} eq pseudonym($bernard)
    && ($_->{body}{target} // '') =~ /^(?:$PETIT|$ROUX)$/ } traced()], ['R', '0', 'R'],
    'with the one that came too late';

# D is a minute: it has committed, and does not say so
DMP::redis('HSET', 'dmp:meta', 'deadline_ms', 60000);

for my $case (
    ['a change', ['unblock', $bernard, $PETIT], 1],
    ['a change without effect', ['unblock', $bernard, $PETIT], 1],
    ['an import of what is there', ['import', dir() . '/same.jsonl'], 0],
) {
    my ($what, $words, $more) = @$case;

    my $before = shown($bernard);
    my $last = DMP::trace_mark();

    open my $file, '>', dir() . '/same.jsonl' or die $!;
    print $file encode_json($before->{record}), "\n";
    close $file or die $!;

    my @options = $words->[0] eq 'import' ? @with[2 .. $#with] : @with;
    local @with = @options;
    my $held = start_tool(DMP::redis_address(), @$words);

    wait_for { grep { $_->{body}{kind} eq 'epoch-close' }
        DMP::trace($last, qr/^epoch-close$/) } "$what: its last entry";
    is shown($bernard)->{version}, $before->{version} + $more, "$what: committed";
    is run('record', 'show', $bernard, @store), 0, 'another command comes and goes';
    is waitpid($held->{pid}, POSIX::WNOHANG()), 0, "$what: not acknowledged yet";
    is slurp($held->{log}), '', "$what: and nothing is said";
    kill 'TERM', $held->{pid};
    is waitpid($held->{pid}, 0), $held->{pid}, "$what: ended";
}

DMP::redis('HSET', 'dmp:meta', 'deadline_ms', 10);


# ---------------------------------------------------- what the store is told

my $bytes = store_bytes();

unlike $bytes, qr/\Q$_\E/, 'not in the store' for $martin, $durand, $bernard, $paoli,
    'jeanne@example.org', 'MOREAU', '12 34 56 78';

ok eval { DMP::verify_trace(); 1 }, 'the trace is whole' or diag $@;

done_testing;
