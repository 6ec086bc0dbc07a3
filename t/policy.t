#!/usr/bin/perl

# dmpctl policy: check on the policy as it is shipped and on broken copies,
# test on the cases of t/policy and on wrong ones, explain, also with a record
# from a real store.

use strict;
use warnings;

use File::Temp qw(tempdir);
use IO::Socket::UNIX;
use JSON::PP ();
use Test::More;

my $dmpctl = $ENV{DMPCTL} || './build/dmpctl';

plan skip_all => "no $dmpctl: build it first" unless -x $dmpctl;

my $dir = tempdir(CLEANUP => 1);
my $policy = 'conf/policy/policy.json';
my $json = JSON::PP->new->utf8;
my ($rc, $out, $err, $pid);

END { my $status = $?; kill 'TERM', $pid if $pid; $? = $status }


# Exit code, standard output, standard error; words are one argument each.
sub run {
    my @args = @_;
    my $command = join ' ', map { my $a = $_; $a =~ s/'/'\\''/g; "'$a'" }
        $dmpctl, @args;

    ($rc, $out) = (0, scalar `$command 2>$dir/stderr </dev/null`);
    $rc = $? & 127 ? "signal $?" : $? >> 8;
    $err = slurp("$dir/stderr");
}

sub slurp {
    my ($path) = @_;
    open my $f, '<', $path or die "$path: $!";
    local $/;
    return scalar <$f>;
}

sub write_file {
    my ($name, $text) = @_;
    open my $f, '>', "$dir/$name" or die "$name: $!";
    print $f $text;
    close $f or die $!;
    return "$dir/$name";
}


# ------------------------------------------------------------------ check

for my $file ($policy, 'conf/policy/policy-test.json') {
    run('policy', 'check', $file);
    is $rc, 0, "$file is right" or diag $err;
    like $out, qr/^digest +[\w-]{43}$/m, 'its digest';
    like $out, qr/^table +direct: PDT-INF-526 v1\.8: 26 rows, \d+ cells/m,
        'the table of direct authentication';
    like $out, qr/^table +reinforced: PDT-INF-606/m, 'the other one';
    like $out, qr/^matrix +from 2023-10-29: .*: \d+ rows$/m, 'the matrix';
    like $out, qr/^row of ours +Diététicien$/m, 'what of it is ours';
    like $out, qr/^excluded +assureur$/m, 'who is excluded';
    like $out, qr/^setting +justification_characters: 10$/m, 'the settings';
    like $out, qr/^feeder +2180035024: Caisse nationale de /m, 'who only feeds';

    my $test = $file =~ /test/;
    my ($chains) = $out =~ /^chains +(.*)$/m;
    is $chains, $test ? '6 of persons, 6 of organisations; 7 of them TEST, '
                        . 'which are ACCEPTED: not for production'
                      : '4 of persons, 6 of organisations; 5 of them TEST, '
                        . 'which are refused', 'its chains';

    my ($taken) = $out =~ /^setting +test_chains: (.*)$/m;
    is $taken, $test ? 'true' : 'false', 'whether those for tests are taken';
}

run('policy', 'check', $policy, '--json');
my $summary = $json->decode($out);
is $summary->{tables}[0]{rows}, 26, 'the same as data';
is $summary->{settings}{occupational_doctors}, 'none', 'settings too';
is_deeply $summary->{chains}, { persons => 4, organisations => 6, test => 5,
    test_accepted => JSON::PP::false }, 'chains';
is_deeply [ map { $_->{structure} } @{ $summary->{feeders} } ],
    [ '2180035024' ], 'feeders';

# the one change that makes a policy for tests
{
    system('cp', '-r', 'conf/policy', "$dir/testing") == 0 or die 'cp';
    my $text = slurp("$dir/testing/policy.json");
    is $text =~ s/"test_chains": false/"test_chains": true/g, 1, 'one edit';
    write_file('testing/policy.json', $text);
    run('policy', 'check', "$dir/testing/policy.json");
    is $rc, 0, 'is right too' or diag $err;
    like $out, qr/^chains .* 5 of them TEST, which are ACCEPTED/m, 'and is told';

    $text =~ s/(,\n\s+"feeders": \[)[^]]*\]/$1]/ or die 'no feeders';
    write_file('testing/policy.json', $text);
    run('policy', 'check', "$dir/testing/policy.json");
    is $rc, 0, 'without feeders' or diag $err;
    like $out, qr/^feeder +none$/m, 'there are none';
}

# cells that say "oui", counted from the file itself
my $rights = $json->decode(slurp('conf/policy/rights-526.json'));
my $oui = grep { /^oui/ } map { @{ $_->{cells} } } @{ $rights->{rows} };
is $summary->{tables}[0]{allowing}, $oui, 'every cell that allows';

run('policy', 'check');
is $rc, 2, 'check needs a file';
run('policy', 'check', "$dir/none.json");
is $rc, 3, 'a file that is not there';
like $err, qr{^dmpctl: \Q$dir\E/none\.json: }, 'it is named';
run('policy', 'check', 'conf/policy');
is $rc, 3, 'a folder';


# A copy with one change: where it must be found, and the word that is wrong.
sub broken {
    my ($file, $from, $to, $word, $name) = @_;

    system('rm', '-rf', "$dir/policy");
    system('cp', '-r', 'conf/policy', "$dir/policy") == 0 or die 'cp';

    my $text = slurp("$dir/policy/$file");
    my $at = index $text, $from;
    die "$name: $file has no $from" if $at < 0;
    substr($text, $at, length $from) = $to;
    my $line = 1 + (substr($text, 0, $at) =~ tr/\n//);
    write_file("policy/$file", $text);

    run('policy', 'check', "$dir/policy/policy.json");
    is $rc, 1, "$name: is refused";
    like $err, qr{^dmpctl: \S*\Q$file\E:$line: .*\Q$word\E}, "$name: where";
    is $out, '', "$name: no summary";
}

broken('policy.json', '"labels": "labels', '"lables": "labels', 'lables',
       'an unknown member');
broken('policy.json', '"justification_characters": 10',
       '"justification_characters": 0', 'justification_characters',
       'a setting out of its range');
broken('policy.json', '"organisations"', '"everybody"', 'everybody',
       'a role that no chain has');
broken('policy.json', '"makes": ["structure"]', '"makes": ["cps"]',
       'a chain of organisations does not make "cps"',
       'an organisations chain that makes a person');
broken('policy.json', '"OU", "IGC-SANTE"', '"OU", "IGC-SANTE TEST"',
       'IGC-SANTE TEST', 'a TEST authority that is not marked');
broken('policy.json', '"2180035024"', '"180035024"', '"180035024"',
       'a feeder by what is no Struct_IdNat');
broken('policy.json', '"test_chains": false', '"test_chains": "false"',
       'test_chains', 'a setting of another type');
broken('policy.json', '"types.json"', '"../types.json"', '../types.json',
       'a file outside the folder');
{
    system('cp', '-r', 'conf/policy', "$dir/lost") == 0 or die 'cp';
    unlink "$dir/lost/types.json" or die $!;
    run('policy', 'check', "$dir/lost/policy.json");
    is $rc, 1, 'a policy without a file that it names';
    like $err, qr{^dmpctl: \S*/lost/types\.json: }, 'which one';
}

broken('policy.json', 'dmp-policy/1', 'dmp-policy/2', 'dmp-policy/2',
       'another format');
broken('rights-526.json', '"oui(8)"', '"oui(99)"', '(99)',
       'a note that is not explained');
broken('rights-526.json', '"oui"', '"yes"', 'yes', 'a word of another language');
broken('rights-526.json', '"right": "check"', '"right": "cheque"', 'cheque',
       'a right that no rule knows');
broken('rights-526.json', '"PS_bris"', '"PS_brie"', 'PS_brie',
       'a column that no rule knows');
broken('types.json', '"class": "10"', '"klass": "10"', 'klass',
       'an unknown member of a type');
broken('matrix-2023.json', '"ATTEST-RESID"', '"ATTEST-RESIDE"',
       'ATTEST-RESIDE', 'a type that no type table has');
broken('matrix-2023.json', '2023-10-29', '2023-02-29', '2023-02-29',
       'a day that is none');
broken('labels.json', '"professionals"', '"profesionals"', 'profesionals',
       'a label that hides from nobody known');
broken('professions.json', '"kind": "doctor"', '"kind": "docteur"', 'docteur',
       'a kind of profession that no table has');
broken('exclusions.json', '"sector"', '"secteur"', 'secteur',
       'an exclusion by something unknown');
broken('labels.json', '"labels": [', '"labels": [ ,', ',', 'no JSON');


# ------------------------------------------------------------------- test

my @policy = ('--policy', $policy);

run('policy', 'test', 't/policy', @policy, '--junit', "$dir/junit.xml",
    '--count', "$dir/count.json");
is $rc, 0, 'all cases of t/policy hold' or diag $out, $err;
like $out, qr/\A\d+ cases, 0 failed\n\z/, 'and nothing else is said';
my ($cases) = $out =~ /^(\d+) cases, /m;

my $count = $json->decode(slurp("$dir/count.json"));
my @rules = qw(A1 A2 A3 A4 B1 B2 C1 C2 D1 D2 E1 F1 G1 G2 G3 G4 G5 G6 G7
    H1 H2 H3 H4 H5 H6 H7 P1 P2 X1);
is join(' ', sort keys %$count), join(' ', sort @rules), 'every rule counted';
is_deeply [ grep { !$count->{$_}{deny} && !$count->{$_}{error} } @rules ], [],
    'every rule denied somewhere';
is_deeply [ grep { !$count->{$_}{held} } @rules ], [],
    'every rule held somewhere';

my $decided = 0;
$decided += $count->{$_}{deny} + $count->{$_}{error} + $count->{$_}{allow}
    for @rules;
is $decided, $cases, 'each case was decided once';

# What the cases are about: each rule, each reason.
my (%about, %reason);

for my $file (glob 't/policy/*.json') {
    for my $case (@{ $json->decode(slurp($file))->{cases} }) {
        my $d = $case->{decision};
        $about{ $case->{rule} // $d->{rule} }{ $d->{effect} }++;
        $reason{ $d->{reason} // 'none' }++;
    }
}

is_deeply [ grep { !$about{$_}{allow} } @rules ], [],
    'a case for each rule that it holds';
is_deeply [ grep { !$reason{$_} } qw(authentication-required
    certificate-rejected token-rejected identity-ambiguous request-ambiguous
    operation-unknown ins-invalid record-absent record-closed record-exists
    actor-excluded channel-mismatch right-missing blocked not-authorised
    authorisation-expired emergency-opposed justification-missing
    traits-mismatch not-regulator mode-unavailable document-foreign
    type-not-allowed masked invisible-to-patient invisible-to-representatives
    not-author change-not-allowed not-own-record deposit-not-allowed
    trace-unavailable) ], [], 'a case for each reason';


# Well formed, as far as this writer goes: elements nest, attributes are
# quoted, nothing stands raw that must not.
sub xml_problem {
    my ($text) = @_;
    my @open;

    return 'not UTF-8' unless utf8::decode($text);
    $text =~ s/\A<\?xml version="1\.0" encoding="UTF-8"\?>\n// or return 'head';
    return 'a character that XML has no place for'
        if $text =~ /[^\t\n\r\x20-\x{d7ff}\x{e000}-\x{fffd}\x{10000}-\x{10ffff}]/;

    while ($text =~ /\G([^<]*)<(\/?)(\w+)((?: \w+="[^"<]*")*)(\/?)>/gc) {
        my ($between, $end, $name, $attributes, $empty) = ($1, $2, $3, $4, $5);
        return "a raw & or > before $name"
            if "$between$attributes" =~ /&(?!(?:amp|lt|gt|quot|#\d+);)|>/;
        return "</$name>" if $end && (pop @open // '') ne $name;
        push @open, $name unless $end || $empty;
    }

    return "open at the end: @open" if @open;
    return substr($text, pos $text) =~ /\S/ ? 'something after the end' : '';
}

my $junit = slurp("$dir/junit.xml");
is xml_problem($junit), '', 'the JUnit file is well formed';
is scalar(() = $junit =~ /<testcase /g), $cases, 'it has every case';
ok $junit !~ /<failure|<error/, 'and no failure';
isnt xml_problem($junit =~ s/<\/testsuite>//r), '', '(that check can fail)';

# A wrong expectation
my $wrong = slurp('t/policy/authorisation.json');
$wrong =~ s/"G1: the day it ends"/"G1: <the> \\"day\\" & \\u0007 it\\nends"/;
$wrong =~ s/"authorisation-expired"/"not-authorised"/;
mkdir "$dir/cases" or die $!;
mkdir "$dir/cases/.hidden" or die $!;
mkdir "$dir/cases/more" or die $!;
write_file('cases/wrong.json', $wrong);
write_file('cases/more/blocked.json', slurp('t/policy/blocked.json'));
write_file('cases/.hidden/bad.json', '{');
write_file('cases/.bad.json', '{');
write_file('cases/notes.txt', '{');
run('policy', 'test', "$dir/cases", @policy, '--junit', "$dir/junit.xml");
is $rc, 1, 'a wrong expectation';
like $out, qr/^\Q$dir\E\/cases\/wrong\.json: "G1: <the> "day" & /m,
    'file and name of the case';
like $out, qr/^ +expected +deny G1 not-authorised$/m, 'what it expected';
like $out, qr/^ +came +deny G1 authorisation-expired$/m, 'what came';
like $out, qr/^ +held +A1 A2 .* G7$/m, 'which rules held before';
like $out, qr/^31 cases, 1 failed$/m, 'of all visible files of the folder';
$junit = slurp("$dir/junit.xml");
is xml_problem($junit), '', 'its JUnit file is well formed';
like $junit, qr/<testsuite name="[^"]*wrong\.json" tests="22" failures="1" /,
    'one suite for each file';
like $junit, qr/name="G1: &lt;the&gt; &quot;day&quot; &amp; \xef\xbf\xbd it&#10;ends"/,
    'whatever a case is called';
like $junit, qr/<failure message="deny G1 authorisation-expired">expected /,
    'the failure says what came';

run('policy', 'test', "$dir/cases", @policy, '--json');
is $rc, 1, 'as data';
my $result = $json->decode($out);
is $result->{failed}, 1, 'how many failed';
is $result->{failures}[0]{came}, 'deny G1 authorisation-expired', 'and how';

# obligations and "unverified" count where they are told
my $told = slurp('t/policy/authorisation.json');
$told =~ s/"trace", "filter", "notify-first-access"/"trace", "filter"/;
run('policy', 'test', write_file('told.json', $told), @policy);
is $rc, 1, 'a forgotten obligation';
like $out, qr/came +allow G1, obligations: trace filter notify-first-access$/m,
    'it is shown';
$told = slurp('t/policy/exclusions.json') =~ s/"unverified": true/"unverified": false/r;
run('policy', 'test', write_file('told.json', $told), @policy);
is $rc, 1, 'a decision that is unverified';
like $out, qr/, unverified$/m, 'it says so';

# Malformed files: named, and the others are run all the same
my $case = '"name":"x","subject":{"certificate":"absent"},'
    . '"request":{"operation":"check"},"time":"2026-11-22"';
my $deny = '"decision":{"effect":"deny","rule":"A1",'
    . '"reason":"authentication-required"}';

sub cases { return '{"format":"dmp-cases/1","cases":[' . join(',', @_) . ']}' }

run('policy', 'test', write_file('one.json', cases("{$case,$deny}")), @policy);
is $rc, 0, 'a case of the smallest size' or diag $out, $err;

my @malformed = (
    ['{', qr/1: string/, 'no JSON'],
    [cases("{$case,$deny}") . 'x', qr/1: end of file expected/, 'something behind it'],
    ['{"format":"dmp-cases/1","format":"x","cases":[]}', qr/1: duplicate .*format/,
     'a member given twice'],
    ['[]', qr/"format"/, 'a list'],
    ['{"format":"dmp-cases/2","cases":[]}', qr/"format": not /, 'another format'],
    ['{"format":"dmp-cases/1"}', qr/"cases": not a list/, 'without cases'],
    ['{"format":"dmp-cases/1","cases":[],"note":"x"}',
     qr/"note": unknown member/, 'an unknown member of the file'],
    ['{"format":"dmp-cases/1","given":[],"cases":[]}', qr/"given": not an object/,
     'a wrong "given"'],
    [cases('[]'), qr/case 1: "cases": element 1 is not an object/, 'no case'],
    [cases("{$deny}"), qr/case 1: "name": missing/, 'without a name'],
    [cases("{$case}"), qr/"x": "decision": missing/, 'without a decision'],
    [cases("{$case,$deny}", "{$case,$deny}"), qr/"x": "name": another case/,
     'two of one name'],
    [cases("{$case,$deny,\"not\":1}"), qr/"x": "not": unknown member/,
     'an unknown member'],
    [cases("{$case,$deny}" =~ s/"certificate"/"card"/r),
     qr/"x": "subject\.card": unknown member/, 'an unknown member, deeper'],
    [cases("{$case,$deny}" =~ s/"absent"/"perhaps"/r),
     qr/"x": "subject\.certificate": unknown word "perhaps"/, 'an unknown word'],
    [cases("{$case,$deny}" =~ s/"check"/1/r),
     qr/"request\.operation": not a text/, 'a number for a word'],
    [cases("{$case,$deny}" =~ s/2026-11-22/2026-02-30/r),
     qr/"time": neither a day nor an instant/, 'a day that is none'],
    [cases("{$case,$deny}" =~ s/"rule":"A1",//r),
     qr/"decision\.rule": missing/, 'a denial without its rule'],
    [cases("{$case,$deny}" =~ s/"effect":"deny",//r),
     qr/"decision\.effect": missing/, 'a decision without an effect'],
    [cases("{$case,$deny,\"record\":{\"ins\":\"285037512000151\","
     . '"status":"opened"}}'),
     qr/"x": "record": "status"/, 'a record that is wrong'],
    [cases("{$case,$deny,\"record\":\"none\"}"),
     qr/"record": neither null, "unknown" nor an object/, 'a word for a record'],
    [cases("{$case,$deny,\"version\":-1}"), qr/"version": not a number/,
     'a version below 0'],
    [cases("{$case,$deny,\"document\":{\"types\":[[\"a\"]]}}"),
     qr/"document\.types\[0\]": not a list of a system and a code/,
     'a type without a system'],
    [cases("{$case,$deny,\"document\":{\"authors\":[" . join(',', ('"x"') x 17)
     . ']}}'), qr/"document\.authors": more than 16 elements/, 'too many authors'],
    [cases("{$case,$deny,\"document\":{\"labels\":[\"hidden\"]}}"),
     qr/"document\.labels\[0\]": unknown word "hidden"/, 'an unknown label'],
    [cases("{$case,$deny,\"document\":{\"resourceType\":\"Patient\"}}"),
     qr/"document": not a DocumentReference/, 'another resource'],
    [cases("{$case,$deny}" =~ s/"check"/"check","offers":["night"]/r),
     qr/"request\.offers\[0\]": unknown word "night"/, 'an unknown mode'],
    [cases("{$case,$deny}" =~ s/"absent"/"absent","situations":[{"sector":"SA07"}]/r),
     qr/"subject\.situations\[0\]\.sector": not a list/, 'a code without a system'],
);

for my $m (@malformed) {
    my ($text, $expected, $name) = @$m;
    run('policy', 'test', write_file('x.json', $text), "$dir/one.json", @policy,
        '--junit', "$dir/junit.xml");
    is $rc, 3, "$name: could not be done";
    like $err, qr/^dmpctl: \Q$dir\E\/x\.json:.*?$expected/, "$name: where"
        or diag $err;
    like $out, qr/^[12] cases, 0 failed, 1 could not be read$/,
        "$name: the others were run";
    is xml_problem(slurp("$dir/junit.xml")), '', "$name: in JUnit too";
}

like slurp("$dir/junit.xml"), qr/<error message="/, 'as an error';

mkdir "$dir/empty" or die $!;
run('policy', 'test', "$dir/empty", @policy);
is $rc, 3, 'a folder without cases';
like $err, qr/no cases/, 'it says so';
run('policy', 'test', write_file('none.json', cases()), @policy);
is $rc, 3, 'a file without cases';
run('policy', 'test', "$dir/nothing", @policy);
is $rc, 3, 'a folder that is not there';
run('policy', 'test', 't/policy');
is $rc, 2, 'test needs a policy';
run('policy', 'test', @policy);
is $rc, 2, 'and cases';
run('policy', 'test', 't/policy', '--policy', "$dir/policy/policy.json");
is $rc, 3, 'with a policy that is wrong';
run('policy', 'test', 't/policy', @policy, '--junit', "$dir/no/junit.xml");
is $rc, 3, 'where JUnit cannot be written';
run('policy', 'test', 't/policy', @policy, '--count', '/dev/full');
is $rc, 3, 'nor the counts';


# -------------------------------------------------- settings of the policy

sub settings {
    my ($from, $to) = @_;

    system('rm', '-rf', "$dir/set");
    system('cp', '-r', 'conf/policy', "$dir/set") == 0 or die 'cp';
    my $text = slurp("$dir/set/policy.json");
    $text =~ s/\Q$from\E/$to/ or die "no $from";
    write_file('set/policy.json', $text);
    return ('--policy', "$dir/set/policy.json");
}

# A case of the suite with a change, and what it must be now.
sub now {
    my ($set, $file, $name, $change, $decision, $title) = @_;

    my $all = $json->decode(slurp("t/policy/$file.json"));
    my ($one) = grep { $_->{name} eq $name } @{ $all->{cases} };
    die "no case $name" unless $one;
    $change->($one);
    $one->{decision} = $decision;
    run('policy', 'test', write_file('now.json', $json->encode(
        { %$all, cases => [$one] })), @$set);
    is $rc, 0, $title or diag $out, $err;
}

my @table = settings('"occupational_doctors": "none"',
                     '"occupational_doctors": "table"');
my $by_specialty = 'D1: an occupational doctor by specialty';
now(\@table, 'exclusions', $by_specialty, sub {},
    { effect => 'allow', rule => 'G1' },
    'occupational doctors by the table: they search');
now(\@table, 'exclusions', $by_specialty,
    sub { $_[0]{request} = { operation => 'read', document => 'doc-1' } },
    { effect => 'deny', rule => 'E1', reason => 'right-missing' },
    'and do not read');
now(\@table, 'exclusions', $by_specialty,
    sub { $_[0]{request} = { mode => 'bris-de-glace' } },
    { effect => 'deny', rule => 'E1', reason => 'right-missing' },
    'nor in bris de glace');
now(\@table, 'exclusions', 'D1: a doctor of a private insurer', sub {},
    { effect => 'deny', rule => 'D1', reason => 'actor-excluded' },
    'insurers stay excluded');

my @training = settings('"training_cards": "none"', '"training_cards": "read"');
my $in_training = 'TD3.1: a doctor in training, by the settings';
now(\@training, 'rights', $in_training, sub {},
    { effect => 'allow', rule => 'G1' }, 'cards in training: they search');
now(\@training, 'rights', $in_training,
    sub { $_[0]{request} = { operation => 'deposit' } },
    { effect => 'deny', rule => 'E1', reason => 'right-missing' },
    'and do not deposit');

my @letters = settings('"justification_characters": 10',
                       '"justification_characters": 40');
now(\@letters, 'bris-de-glace', 'bris de glace, without an authorisation',
    sub {}, { effect => 'deny', rule => 'G3',
              reason => 'justification-missing' }, 'a longer justification');

my @months = settings('"invisible_to_patient_months": 1',
                      '"invisible_to_patient_months": 2');
now(\@months, 'documents', 'H4: a month after its deposit', sub {},
    { effect => 'deny', rule => 'H4', reason => 'invisible-to-patient' },
    'invisible for two months');

my @days = settings('"authorisation_days": 365', '"authorisation_days": 30');
now(\@days, 'rights', 'TD0.3: for a year', sub {},
    { effect => 'deny', rule => 'E1', reason => 'right-missing' },
    'authorisations of a month');

my @any = settings('"ins_key": true', '"ins_key": false');
now(\@any, 'who', 'B2: an INS whose key is wrong',
    sub { $_[0]{record} = { ins => $_[0]{request}{ins} };
          $_[0]{document} = { ins => [ $_[0]{request}{ins} ] } },
    { effect => 'allow' }, 'an INS without a check of its key');


# ---------------------------------------------------------------- explain

my @identity = ('MARTIN', 'DUPRÉ', 'Anne-Marie', '1985-03-02', 'inconscient');

sub explained {
    my ($file, $name, @more) = @_;
    run('policy', 'explain', "t/policy/$file.json", '--case', $name, @policy,
        @more);
    is_deeply [ grep { index("$out$err", $_) >= 0 } @identity ], [],
        "$name: nothing of who the patient is";
}

sub state_of {
    my ($rule) = @_;
    return $out =~ /^\Q$rule\E +(\S.*?)  / ? $1
        : $out =~ /^\Q$rule\E +(\S.*?)  /m ? $1 : undef;
}

explained('documents', 'H1: the document names the patient');
is $rc, 0, 'allowed';
like $out, qr/^who +professional 899700218896, Médecin, with a card/m, 'who';
like $out, qr/^asks +read \(TD3\.2\), mode normal, document doc-1$/m, 'what';
like $out, qr/^record +285037512000151, by the case: version 1, open$/m, 'which';
like $out, qr/^day +2026-11-22/m, 'when';
like $out, qr/table PDT-INF-526 v1\.8, row "TD3\.2 non masqués", column MED_normal: oui$/m,
    'E1 saw the cell';
like $out, qr/authorised since 2026-02-01 until 2027-02-01: in force/,
    'G1 saw the authorisation';
like $out, qr/matrix "Arrêté.*since 2023-10-29, row of: Médecin$/m,
    'H2 saw the row';
like $out, qr/^allowed, granted by G1$/m, 'the verdict';
like $out, qr/^obligations: trace judge notify-first-access$/m, 'obligations';
my @shown = $out =~ /^([A-HPX]\d)  /mg;
is_deeply [sort @shown], [sort @rules], 'each rule once';
is join(' ', @shown), 'A1 A2 A3 A4 B1 B2 X1 P1 D1 D2 C1 C2 E1 F1 G5 G7 G1 G2 G3'
    . ' G4 G6 H1 H2 H3 H4 H5 H6 H7 P2', 'in the order of the core';

explained('rights', 'TD0.3: not in bris de glace');
is $rc, 1, 'denied by E1';
is state_of('E1'), 'DENIED', 'it says so';
like $out, qr/row "TD0\.3 se déclarer autorisé", column MED_bris: non$/m,
    'which cell';
is state_of('C2'), 'held', 'what came before held';
is state_of('F1'), 'not reached', 'what comes after was not reached';
like $out, qr/^denied by E1: right-missing$/m, 'the verdict';

explained('authorisation', 'G1: no authorisation');
is $rc, 1, 'denied by G1';
like $out, qr/no authorisation for 899700218896/, 'what it saw';
is state_of('G1'), 'DENIED', 'it says so';
explained('authorisation', 'G1: expired');
like $out, qr/since 2025-02-01 until 2026-02-01: expired/, 'an expired one';
explained('authorisation', 'G1: an authorisation in force', '--at', '2027-02-01');
is $rc, 1, 'on another day';
like $out, qr/^denied by G1: authorisation-expired$/m, 'the authorisation is over';
explained('authorisation', 'G1: an authorisation in force');
like $out, qr/^H1 +no document/m, 'a search, before its answer';
like $out, qr/^no document yet: .* judge each document/m, 'what judges that';

explained('documents', 'H2: a pharmacist, synthèse psychiatrique');
is $rc, 1, 'denied by H2';
like $out, qr/row of: Pharmacien$/m, 'which row';
like $out, qr/source: revuepharma\.fr/, 'by whom';
like $out, qr/type 68599-0, .*: not read$/m, 'which type';
explained('documents', 'H2: a profession without a row, normal mode');
like $out, qr/has no row for: Masseur-kinésithérapeute/, 'no row';

explained('documents', 'H3: masked by default');
is $rc, 1, 'denied by H3';
like $out, qr/it is masked by the record's default$/m, 'by what';
like $out, qr/no author, no treating physician/, 'and what they are not';
explained('documents', 'H3: a label that nobody knows masks');
like $out, qr/masked by a label that is not known/, 'by an unknown label';
explained('documents', 'H3: masked, in bris de glace, the treating physician');
like $out, qr/a treating physician$/m, 'treating';
like $out, qr/does not show masked documents/, 'and what the patient chose';

explained('documents', 'H4: the last day');
like $out, qr/a label makes it so, until 2026-11-23/, 'H4 saw the day';
explained('exclusions', 'D1: a doctor of a private insurer');
like $out, qr/sector SA23, .*: on the list as assureur$/m, 'D1 saw the sector';
explained('exclusions', 'D1: nothing known excludes nobody, and is marked');
like $out, qr/^unverified: /m, 'nothing known';
explained('bris-de-glace', 'G3: nine characters');
like $out, qr/9 visible characters, 10 asked/, 'G3 saw how many';
explained('bris-de-glace', 'G4: another given name');
like $out, qr/family name: the same\n.*given name: differs\n.*birth date: the same/,
    'G4 saw which one differs';
unlike $out, qr/Claire/, 'and does not repeat it';
explained('people', 'P1: a representative, the day it ends');
like $out, qr/as representative until 2030-05-01/, 'P1 saw until when';
explained('store', 'X1: the store did not say');
is $rc, 3, 'not decided';
like $out, qr/not decided, and so denied, by X1/, 'it says so';

explained('documents', 'H3: masked by default', '--json');
is $rc, 1, 'as data';
my $x = $json->decode($out);
is $x->{decision}{rule}, 'H3', 'the rule';
is $x->{decision}{reason}, 'masked', 'the reason';
is_deeply $x->{decision}{obligations}, ['trace'], 'obligations';
is scalar @{ $x->{rules} }, scalar @rules, 'every rule';
my %rule = map { $_->{rule} => $_ } @{ $x->{rules} };
is $rule{H3}{state}, 'denied', 'the one that denied';
is $rule{H4}{state}, 'not reached', 'one after it';
is $rule{E1}{saw}[0]{column}, 'MED_normal', 'the cell';
is $rule{E1}{saw}[0]{allowed}, JSON::PP::true, 'what it says';
is $rule{G1}{saw}[0]{until}, '2027-02-01', 'the authorisation';
is $rule{H2}{saw}[0]{from}, '2023-10-29', 'the matrix';
is $rule{H3}{saw}[0]{by}, "by the record's default", 'the mask';

explained('metadata', 'metadata: a doctor, and the store said nothing');
is $rc, 0, 'what the host can do, without a record';
like $out, qr/^asks +metadata, mode normal$/m, 'of nobody';
like $out, qr/what the host can do takes no right/, 'E1 asks for no cell';
unlike $out, qr/^no document yet/m, 'and no document is awaited';
explained('documents', 'H1: the index vouches for an attachment too');
like $out, qr/^asks +read \(TD3\.2\), mode normal, attachment Binary\/9$/m,
    'an attachment';
explained('documents',
    'H1: a FHIR document with a literal reference, tied by the index');
is $rc, 0, 'the index counts beside what FHIR says';
like $out, qr/it names nobody; the index ties it to this record$/m, 'H1 saw it';


# All of them: the exit code is the decision, in both forms.
my @wrong;

for my $file (glob 't/policy/*.json') {
    for my $c (@{ $json->decode(slurp($file))->{cases} }) {
        my $name = $c->{name};
        utf8::encode($name);
        run('policy', 'explain', $file, '--case', $name, @policy,
            @wrong % 2 ? () : '--json');
        my $expected = { allow => 0, deny => 1, error => 3 }->{
            $c->{decision}{effect}};
        push @wrong, "$file: $name: $rc $err" if $rc ne $expected
            || $err ne '' || !eval { $json->decode($out)->{rules} };
    }
}

is_deeply \@wrong, [], 'every case can be explained';

my $alone = '{' . $case . '}';
$alone =~ s/"certificate":"absent"/"certificate":"rejected"/;
my $command = "'$dmpctl' policy explain - @policy <"
    . write_file('alone.json', cases($alone));
$out = `$command 2>&1`;
is $? >> 8, 1, 'a case from standard input, without a decision';
like $out, qr/^denied by A2: certificate-rejected$/m, 'is decided';

run('policy', 'explain', 't/policy/who.json', @policy);
is $rc, 3, 'several cases, and none named';
like $err, qr/\d+ cases: say which with --case/, 'it says so';
run('policy', 'explain', 't/policy/who.json', @policy, '--case', 'nothing');
is $rc, 3, 'a case that is not there';
run('policy', 'explain', "$dir/x.json", @policy);
is $rc, 3, 'a case that is malformed';
run('policy', 'explain', "$dir/none", @policy);
is $rc, 3, 'a file that is not there';
run('policy', 'explain', "$dir/alone.json", @policy, '--at', 'tomorrow');
is $rc, 2, 'a day that is none';
run('policy', 'explain', "$dir/alone.json");
is $rc, 2, 'explain needs a policy';
run('policy', 'explain', "$dir/alone.json", @policy, '--record-key', 'x');
is $rc, 2, 'a key without --stored';


# The page's example does what the page says.
my $page = slurp('docs/policy-cases.md');
my ($example) = $page =~ /```json\n(.*?)```/s;
my ($sample) = $page =~ /```text\n(case .*?)```/s;

run('policy', 'test', write_file('page.json', $example), @policy);
is $rc, 0, 'the example of docs/policy-cases.md' or diag $out, $err;
run('policy', 'explain', "$dir/page.json", @policy, '--case',
    'what the patient masked stays masked');
is_deeply [ grep { $_ ne '…' && !/^policy / && index("$out\n", "$_\n") < 0 }
    split /\n/, $sample ], [], 'and what it says of it';


# ------------------------------------------------------------------- help

run('help');
like $out, qr/policy $_ /, "help names policy $_" for qw(check test explain);
run('help', 'policy');
is $rc, 0, 'help policy';
like $out, qr/dmpctl policy test DIR\|FILE\.\.\. --policy FILE/, 'test';
like $out, qr/--stored INS/, 'explain';
run('policy', 'explain', '--help');
like $out, qr/^usage: dmpctl policy explain/, 'policy explain --help';
run('policy', 'nothing');
is $rc, 2, 'a command that is not there';


# --------------------------------------------------- with a record stored

SKIP: {
    skip 'no redis-server', 1 unless `redis-server --version` =~ /v=7/;

    my $socket = "$dir/redis.sock";
    my @store = ('--redis', "unix:$socket");
    my @keys = ('--record-key', "$dir/record.key", '--pseudonym-key',
                "$dir/pseudonym.key");

    $pid = fork();
    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        open STDOUT, '>', "$dir/redis.log";
        exec 'redis-server', '--port', 0, '--unixsocket', $socket, '--dir',
            $dir, '--save', '';
        exit 127;
    }

    my $up;

    for (1 .. 2000) {
        my $s = IO::Socket::UNIX->new(Peer => $socket);
        print $s "PING\r\n" if $s;
        last if $up = $s && (<$s> // '') =~ /PONG/;
        select undef, undef, undef, 0.005;
    }

    die 'the store does not start' unless $up;

    run('keygen', $_, $dir) for qw(record pseudonym audit);
    run('init', @store, '--buckets', 4, '--deadline', '20ms');
    is $rc, 0, 'a store' or diag $err;

    my $record = $json->decode(slurp('t/policy/authorisation.json'))->{given}{record};
    $record->{blocked} = ['899700218896'];
    run('record', 'import', write_file('r.jsonl', $json->encode($record) . "\n"),
        @store, @keys, '--audit-key', "$dir/audit.key");
    is $rc, 0, 'with a record' or diag $err;

    explained('authorisation', 'G1: no authorisation', '--stored',
            '285037512000151', @keys, @store);
    is $rc, 1, 'explained with the record that is stored';
    like $out, qr/^record +285037512000151, by the store: version 1\d{12}, open$/m,
        'it says which, and its version';
    like $out, qr/^denied by F1: blocked$/m, 'and is decided by it';
    my $trace = join '', map {
        `redis-cli -s $socket XLEN '{dmp:0$_}:trace'` } 0 .. 3;

    explained('authorisation', 'G1: no authorisation', '--stored',
            '285037512000151', @keys, @store, '--json');
    $x = $json->decode($out);
    is $x->{record}{from}, 'the store', 'as data';
    is join('', map { `redis-cli -s $socket XLEN '{dmp:0$_}:trace'` } 0 .. 3),
        $trace, 'nothing was written';

    my $other = slurp('t/policy/authorisation.json')
        =~ s/("operation": "search", "ins": )"285037512000151"/$1"172066912304538"/r;
    run('policy', 'explain', write_file('other.json', $other), '--case',
        'G1: no authorisation', @policy, '--stored', '172066912304538', @keys,
        @store);
    is $rc, 1, 'a patient without a record';
    like $out, qr/^record +172066912304538, by the store: absent$/m, 'it says so';
    like $out, qr/^denied by C1: record-absent$/m, 'and is decided so';

    explained('authorisation', 'G1: no authorisation', '--stored',
            '172066912304538', @keys, @store);
    is $rc, 3, 'another patient than the case asks for';
    like $err, qr/another INS/, 'it says so';
    explained('authorisation', 'G1: no authorisation', '--stored', '12', @keys);
    is $rc, 2, 'something that is no INS';
    explained('authorisation', 'G1: no authorisation', '--stored',
            '285037512000151', @store);
    is $rc, 2, '--stored without keys';

    write_file('wrong.key', ('ab' x 32) . "\n");
    explained('authorisation', 'G1: no authorisation', '--stored',
            '285037512000151', @store, '--record-key', "$dir/wrong.key",
            '--pseudonym-key', "$dir/pseudonym.key");
    is $rc, 3, 'a key that does not open it';
    like $err, qr/does not open with the record keys/, 'it says so';

    kill 'TERM', $pid;
    waitpid $pid, 0;
    undef $pid;

    explained('authorisation', 'G1: no authorisation', '--stored',
            '285037512000151', @keys, @store);
    is $rc, 3, 'a store that is not there';
}

done_testing();
