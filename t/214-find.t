# TD0.5 (find): a regulator finds a patient without the INS, by exact traits.
# Who is left out leaves no mark in the answer; who is named knows of it; the
# record host is never asked.

use strict;
use warnings;
use utf8;

use lib 't/lib';
use DMP;
use Emergency qw(gateway centre record flags uri bris on_path id_of reason_of
    hint_of key_of outbox notices traits_key history entries);
use Encode ();
use FakeRedis;
use JSON::PP;
use Test::More;
use Unicode::Normalize qw(NFD);

our %Jeanne = (family => 'MARTIN', given => 'Jeanne Marie', birthdate => '1985-03-02');

centre('regulator');

# An INS, each number another one, with its key; each block has its own, since
# the store remembers who was told of what.
our $Block = 0;

sub ins
{
    my ($n) = @_;

    my $number = sprintf '2850375121%03d', 20 * $Block + $n;

    return sprintf '%s%02d', $number, 97 - $number % 97;
}

# Patients with these numbers, all of these traits.
sub known
{
    my ($numbers, %o) = @_;

    my $traits = delete $o{traits} // {};

    import_records(map { record(ins($_), traits => { %Jeanne, sex => 'F', %$traits }, %o) }
        @$numbers);
}

# Nobody of the blocks before is found any more.
sub nobody
{
    my @hints = @{ redis('KEYS', 'dmp:traits:*') };

    redis('DEL', @hints) if @hints;
    $Block++;
}

# P, which the names of her keys end with.
sub pseudonym { return (split /:/, key_of('rec', $_[0]))[-1] }

# Notices of an emergency, which are what a find makes.
sub told { return grep { $_ eq 'emergency-access' } notices(@_) }

sub query
{
    my (%traits) = @_;

    return '/fhir/Patient?' . join '&', map { "$_=" . uri($traits{$_}) }
        grep { defined $traits{$_} } qw(family given birthdate);
}

# A find; without traits, of Jeanne.
sub find
{
    my ($traits, %o) = @_;

    my $path = delete $o{path} // 'centre-15';

    return request(on_path($path, as => 'regulator',
        get => query(family => 'Martin', given => 'Jeanne', birthdate => '1985-03-02',
            %{ $traits // {} }), %o));
}

# The INS that an answer names, sorted.
sub named
{
    my ($r) = @_;

    return sort map { $_->{resource}{identifier}[0]{value} }
        grep { $_->{resource}{resourceType} eq 'Patient' } @{ $r->{json}{entry} // [] };
}

sub finds
{
    my ($wanted, $traits, $name, %o) = @_;

    my $r = find($traits, %o);

    is(join(' ', $r->{status}, named($r)), join(' ', 200, sort map { ins($_) } @$wanted),
        Encode::encode_utf8($name))
        or diag(substr $r->{body}, 0, 1000);

    return $r;
}

# What a refusal comes to: "STATUS reason rule", and that it names nobody.
sub refused
{
    my ($want, $name, %o) = @_;

    for my $http ('1.1', '2') {
        my $mark = trace_mark();
        my $traits = $o{traits};
        my $r = find($traits, http => $http, map { $_ => $o{$_} } grep { $_ ne 'traits' } CORE::keys %o);
        my @entries = trace($mark);

        is(join(' ', $r->{status}, reason_of($r->{json}) // '-', $entries[-1]{body}{rule} // '-'),
            $want, "$name, HTTP/$http") or diag(substr $r->{body}, 0, 500);
        is(scalar(grep { exists $_->{body}{patient} } @entries), 0, 'nobody is named');
        is(hint_of($r->{json}), '', 'nothing is suggested');
    }
}

sub bytes_but_trace
{
    my ($r) = @_;

    my $head = $r->{head} =~ s/^(?:date|dmp-trace-id):[^\r\n]*\r\n//gimr;

    return "$head$r->{body}";
}

our $Fake = FakeRedis->new(redis_address(),
    [qr/^SRANDMEMBER|^SMEMBERS/, 'error', 'LOADING', when => 'loading'],
    [qr/^SRANDMEMBER|^SMEMBERS/, 'reply', ":1\r\n", when => 'odd'],
    [qr/^SRANDMEMBER|^SMEMBERS/, 'stall', when => 'held']);

add_block_preprocessor(sub {
    my ($block) = @_;

    if (!defined $block->http_config) {
        $block->set_value(http_config => gateway(
            defined $block->dmp ? DMP::Block::perl($block, $block->dmp) : ()));
    }
});

our $Asked = backend();

DMP::run();

__DATA__

=== TEST 1: one: the INS and the traits, and nothing else of the record
--- code
known([1], treating => [id_of('leroy')], contact => { phone => '0612345678' });
for my $http ('1.1', '2') {
    my $mark = trace_mark();
    my $r = find({}, http => $http);
    is($r->{status}, 200, "HTTP/$http");
    like($r->{headers}{'content-type'}, qr{^application/fhir\+json}, 'FHIR');
    is($r->{headers}{'cache-control'}, 'no-store', 'not to be kept');
    is_deeply($r->{json}, { resourceType => 'Bundle', type => 'searchset', total => 1,
        entry => [{ search => { mode => 'match' }, resource => {
            resourceType => 'Patient', active => JSON::PP::true,
            identifier => [{ use => 'official', value => ins(1),
                system => 'urn:oid:1.2.250.1.213.1.4.8' }],
            name => [{ use => 'usual', family => 'MARTIN', given => ['Jeanne Marie'] }],
            gender => 'female', birthDate => '1985-03-02' } }] }, 'the answer');
    my ($entry, @more) = trace($mark);
    is(scalar @more, 0, 'one entry');
    my $b = $entry->{body};
    is(join(' ', map { $_ // '-' } @$b{qw(operation transaction mode emergency decision rule
        reason method route)}, $entry->{outcome}),
        'find TD0.5 centre-15 1 allow G5 none GET Patient?family=&given=&birthdate= 1', 'trace');
    is($b->{trace}, $r->{headers}{'dmp-trace-id'}, 'as it was told');
    is($b->{patient}, pseudonym(ins(1)), 'in her record');
    ok($b->{version}, 'of which version');
}
is((history(ins(1)))[-1], (entries(ins(1), '0'))[-1]{id}, 'in her own history');
is(scalar(told(ins(1))), 1, 'she is told, once');
my ($told) = grep { $_->{kind} eq 'emergency-access' } outbox(ins(1));
is($told->{entry}, (map { $_->{id} } grep { $_->{body}{operation} eq 'find' } entries(ins(1), '0'))[0],
    'of which access');



=== TEST 2: none: an empty answer, traced without a patient
--- code
for my $http ('1.1', '2') {
    my $mark = trace_mark();
    my $r = find({ family => 'Durand' }, http => $http);
    is($r->{status}, 200, "HTTP/$http");
    is_deeply($r->{json}, { resourceType => 'Bundle', type => 'searchset', total => 0 }, 'empty');
    my ($entry, @more) = trace($mark);
    is(scalar @more, 0, 'one entry');
    my $b = $entry->{body};
    is(join(' ', @$b{qw(operation mode decision rule reason)}, $entry->{outcome}),
        'find centre-15 allow G5 none S', 'trace');
    is($b->{trace}, $r->{headers}{'dmp-trace-id'}, 'as it was told');
    ok(!$b->{$_}, "no $_") for qw(patient version documents justification);
}



=== TEST 3: by each of the names, however they are spelt, and by no part of one
--- code
nobody();
known([1], traits => { family => 'd’Arc', birth_family => 'LEFÈVRE-Œillet',
    given => 'Zoé Anne-Marie Lucie' });
my %zoe = (family => "D'ARC", given => 'ZOE');
finds([1], { %zoe, given => $_ }, "given $_") for 'Zoé', 'ZOE', NFD('zoé'),
    'Anne-Marie', 'anne marie', 'ANNEMARIE', 'Lucie', 'Zoé Anne-Marie', 'Anne-Marie Lucie', 'Zoé Anne Marie Lucie';
finds([1], { %zoe, family => $_ }, "family $_") for "d'Arc", 'd’Arc', 'DARC', 'D ARC', 'd-arc',
    'Lefevre-Oeillet', 'LEFÈVRE ŒILLET', NFD('Lefèvre Œillet');
finds([], { %zoe, given => $_ }, "not by given $_") for 'Zo', 'Zoé Lucie', 'Lucie Zoé', 'Anne',
    'Marie', 'Zoé*', '*';
finds([], { %zoe, family => $_ }, "not by family $_") for 'Arc', 'Lefèvre', 'Œillet', 'd',
    "d'Arc Lefèvre-Œillet", 'Zoé', '*', '-';
finds([], { %zoe, birthdate => $_ }, "not born $_") for '1985-03-03', '1985-02-03', '1958-03-02';



=== TEST 4: a record that lacks a trait is not found by the others
--- code
nobody();
import_records(record(ins(1), traits => { family => 'MARTIN', given => 'Jeanne' }),
    record(ins(2), traits => { family => 'MARTIN', birthdate => '1985-03-02' }),
    record(ins(3), traits => { given => 'Jeanne', birthdate => '1985-03-02' }),
    record(ins(4), traits => {}));
finds([], {}, 'none of them');
is(scalar(@{ redis('KEYS', 'dmp:traits:*') }), 0, 'nor is there a hint of one');
known([5]);
finds([5], {}, 'but for who has them all');



=== TEST 5: two to five with the same traits: all, each told, each in the trace
--- code
nobody();
for my $n (2 .. 5) {
    known([$n == 2 ? (1, 2) : $n]);
    my %before = map { $_ => scalar history(ins($_)) } 1 .. $n;
    my $mark = trace_mark();
    my $r = finds([1 .. $n], {}, "$n of them", http => $n % 2 ? '1.1' : '2');
    is($r->{json}{total}, $n, 'total');
    is_deeply([grep { $_->{search}{mode} ne 'match' } @{ $r->{json}{entry} }], [], 'and nothing else');
    my @entries = trace($mark);
    # a first try may have met a record that had just changed
    my @counted = grep { $_->{outcome} eq '1' } @entries;
    is_deeply([sort map { $_->{body}{patient} } @counted],
        [sort map { pseudonym(ins($_)) } 1 .. $n], 'an entry for each');
    is_deeply([grep { $_ ne $r->{headers}{'dmp-trace-id'} } map { $_->{body}{trace} } @entries],
        [], 'all with the same trace id');
    for my $one (1 .. $n) {
        cmp_ok(scalar history(ins($one)), '>', $before{$one}, "number $one: in the history");
        is(scalar(told(ins($one))), 1, 'told once');
    }
}
DMP::verify_edited();
pass('the trace is whole');



=== TEST 6: of six, five, and a word that there are more
--- code
nobody();
known([1 .. 6]);
for my $http ('1.1', '2') {
    my $mark = trace_mark();
    my $r = find({}, http => $http);
    my @found = named($r);
    is("$r->{status} $r->{json}{total} " . @found, '200 5 5', "HTTP/$http: five");
    my @rest = grep { $_->{resource}{resourceType} ne 'Patient' } @{ $r->{json}{entry} };
    is(scalar @rest, 1, 'one entry more');
    is("$rest[0]{resource}{resourceType} $rest[0]{resource}{issue}[0]{code} $rest[0]{search}{mode}",
        'OperationOutcome suppressed outcome', 'which says so');
    my %told = map { pseudonym($_) => 1 } @found;
    is_deeply([sort map { $_->{body}{patient} } grep { $_->{outcome} eq '1' } trace($mark)],
        [sort CORE::keys %told], 'those are traced who are named');
    is_deeply([named(find({}))], \@found, 'the same each time');
}
my @unnamed = grep { my $n = $_; !grep { $_ eq ins($n) } named(find({})) } 1 .. 6;
is(scalar @unnamed, 1, 'one is not named');
is_deeply([told(ins($unnamed[0]))], [], 'and not told');



=== TEST 7: who is left out leaves no mark
--- code
nobody();
my $none = find({ family => 'Durand' });
my %out = ('opposes centre 15' => [flags(1, 0, 1)], 'was never asked' => [emergency => {}],
    'has closed the record' => [status => 'closed'], 'has blocked the regulator' => [blocked => [id_of('regulator')]]);
my %rule = ('opposes centre 15' => 'G6 emergency-opposed', 'was never asked' => 'G6 emergency-opposed',
    'has closed the record' => 'C2 record-closed', 'has blocked the regulator' => 'F1 blocked');
for my $why (sort CORE::keys %out) {
    known([1], @{ $out{$why} });
    my $before = history(ins(1));
    my @told = told(ins(1));
    for my $http ('1.1', '2') {
        my $mark = trace_mark();
        my $r = find({}, http => $http);
        is(bytes_but_trace($r), bytes_but_trace(find({ family => 'Durand' }, http => $http)),
            "$why, HTTP/$http: as if there were none");
        my @entries = grep { $_->{outcome} eq '1' } trace($mark);
        is(scalar(grep { "$_->{body}{decision} $_->{body}{rule} $_->{body}{reason}" eq "deny $rule{$why}"
            && exists $_->{body}{patient} } @entries), 1, "$why: the trace has why");
    }
    cmp_ok(scalar history(ins(1)), '>', $before, "$why: it is in the patient's own history");
    is_deeply([told(ins(1))], \@told, "$why: and no notice");
}
# nor beside others
nobody();
known([2]);
my $alone = find({});
known([1], flags(1, 0, 1));
is(bytes_but_trace(find({})), bytes_but_trace($alone), 'one of two: as if there were one');
known([3 .. 6]);
known([7 .. 9], status => 'closed');
my $r = finds([2 .. 6], {}, 'five of nine');
is(scalar @{ $r->{json}{entry} }, 5, 'and no word that there are more');



=== TEST 8: what the patient says counts at once
--- code
nobody();
known([1]);
finds([1], {}, 'found') for 1 .. 2;
known([1], flags(1, 0, 0));
finds([], {}, 'opposed: not any more');
known([1]);
finds([1], {}, 'and again');
known([1], blocked => [id_of('regulator')]);
finds([], {}, 'blocked: not any more');
redis('DEL', key_of('rec', ins(1)));
finds([], {}, 'nor once it is gone');



=== TEST 9: hints prove nothing: those that are stale find nobody
--- code
nobody();
known([1]);
known([2], traits => { family => 'DURAND' });
my $key = traits_key('martin', 'jeanne', '1985-03-02');
is(redis('SISMEMBER', $key, pseudonym(ins(1))), 1, 'where the hint is');
my $other = pseudonym(ins(2));
my $before = history(ins(2));
redis('SADD', $key, $other, pseudonym(ins(9)), 'x', '', 'y' x 22,
    'z' x 23, 'a' x 5000, ins(1));
my $mark = trace_mark();
finds([1], {}, 'who has other traits, or no record, is not found');
is(scalar(history(ins(2))), $before, 'and nothing stands in that record');
is_deeply([told(ins(2)), told(ins(9))], [], 'nobody is told');
is(scalar(@{[trace($mark)]}), 1, 'one entry');
redis('SREM', $key, pseudonym(ins(1)));
$mark = trace_mark();
finds([], {}, 'who lost the hint is not found');
is_deeply([map { exists $_->{body}{patient} } trace($mark)], [''], 'one entry, without a patient');
is(scalar(history(ins(2))), $before, 'still nothing there');
# one who was found, by what a worker may still have of the record
known([3]);
finds([3], {}, 'another');
known([3], traits => { family => 'DURAND' });
redis('SADD', $key, pseudonym(ins(3)));
$before = history(ins(3));
finds([], {}, 'who has other traits now is not found');
finds([2, 3], { family => 'Durand' }, 'but by those');
is(scalar(grep { $_->{body}{operation} eq 'find' } entries(ins(3), '0')), 2,
    'and no more of it stands in that record');



=== TEST 10: a hint of another type, and a store that answers something else
--- dmp: redis => $main::Fake->address
--- code
nobody();
known([1]);
for my $how (qw(loading odd)) {
    $Fake->on($how);
    my $r = find({});
    is("$r->{status} " . reason_of($r->{json}), '503 trace-unavailable', "$how: refused");
    $Fake->off($how);
    wait_for { find({})->{status} == 200 } "$how: to be over";
}
redis('DEL', traits_key('martin', 'jeanne', '1985-03-02'));
redis('SET', traits_key('martin', 'jeanne', '1985-03-02'), 'x');
my $r = find({});
is("$r->{status} " . reason_of($r->{json}), '503 trace-unavailable', 'of another type: refused');
redis('DEL', traits_key('martin', 'jeanne', '1985-03-02'));
known([1]);
wait_for { find({})->{status} == 200 } 'the store to be used again';
--- error_log
dmp store does not let



=== TEST 11: the client leaves while the store is asked
--- dmp: redis => $main::Fake->address . ' timeout=30s'
--- code
nobody();
known([1 .. 3]);
find({ family => 'Durand' });
my $worker = join ' ', worker_pids();
for my $http ('1.1', '2') {
    $Fake->on('held');
    my $r = find({}, http => $http, options => ['--max-time', 1]);
    is($r->{curl}, 28, "HTTP/$http: it has left");
    $Fake->off('held');
    wait_for { find({}, http => $http)->{status} == 200 } 'others to be served';
}
is(join(' ', worker_pids()), $worker, 'by the same worker');
DMP::verify_edited();
pass('the trace is whole');



=== TEST 12: an import keeps the hints
--- code
nobody();
known([1]);
my $old = traits_key('martin', 'jeanne', '1985-03-02');
finds([1], {}, 'by the old traits');
known([1], traits => { family => 'DURAND', birth_family => 'MARTINEZ', given => 'Anne' });
finds([], {}, 'not any more');
finds([], { family => 'Durand' }, 'nor by half of them');
finds([1], { family => 'Durand', given => 'Anne' }, 'by the new ones');
finds([1], { family => 'Martinez', given => 'Anne' }, 'the name of birth, too');
my $p = pseudonym(ins(1));
ok(!redis('SISMEMBER', $old, $p), 'the old hint is gone');
known([2], traits => { family => 'DURAND', given => 'Anne' });
known([1]);
finds([2], { family => 'Durand', given => 'Anne' }, "another's stays");
finds([1], {}, 'and the first is back');
unlike(join(' ', @{ redis('KEYS', 'dmp:traits:*') }), qr/martin|jeanne|1985|$Jeanne{family}/i, 'no hint has a name');



=== TEST 13: on a normal path nobody is found
--- code
nobody();
known([1]);
refused('403 right-missing E1', 'a regulator', path => 'normal');
refused('403 right-missing E1', 'a doctor', path => 'normal', as => 'morel');
refused('403 right-missing E1', 'bris de glace', path => 'normal', as => 'morel',
    headers => [['DMP-Access-Mode' => 'bris-de-glace'], ['DMP-Justification' => 'Urgence%20vitale']]);
refused('403 not-regulator G5', 'who claims centre 15', path => 'normal',
    headers => [['DMP-Access-Mode' => 'centre-15']]);
refused('403 right-missing E1', 'the structure of a centre', path => 'normal', as => 'centre15');
is_deeply([told(ins(1))], [], 'nobody was told of anything');
is(scalar(grep { $_->{body}{operation} eq 'find' } entries(ins(1), '0')), 0, 'nor traced there');



=== TEST 14: nor by whom the directory does not know for a regulator
--- code
for my $who (qw(morel petit pharmacien)) {
    refused('403 not-regulator G5', $who, as => $who);
}
refused('403 not-regulator G5', 'a structure that is no centre', as => 'structure');
refused('403 right-missing E1', 'somebody without a profession', as => 'notitle');
refused('403 right-missing E1', 'staff', as => 'cpe');
refused('403 channel-mismatch D2', 'Assurance Maladie', as => 'feeder');
refused('403 right-missing E1', 'who claims the normal mode', headers => [['DMP-Access-Mode' => 'normal']]);
refused('403 right-missing E1', 'or bris de glace', headers => [['DMP-Access-Mode' => 'bris-de-glace']]);
import_directory({ id => id_of('regulator'), regulates => undef });
refused('403 not-regulator G5', 'who regulates no more');
import_directory({ id => id_of('regulator'), regulates => [id_of('structure')] });
refused('403 not-regulator G5', 'who regulates for what is no centre');
import_directory({ id => id_of('regulator'), regulates => [id_of('centre15')] });
import_directory({ id => id_of('centre15'), centre_15 => undef });
refused('403 not-regulator G5', 'whose centre is none any more');
refused('403 not-regulator G5', 'which is not found by itself either', as => 'centre15');
import_directory({ id => id_of('centre15'), centre_15 => JSON::PP::true });
finds([1], {}, 'and as it was');



=== TEST 15: the structure of a centre finds, and its centre is who was there
--- code
nobody();
known([1]);
for my $http ('1.1', '2') {
    my $mark = trace_mark();
    finds([1], {}, "HTTP/$http", as => 'centre15', http => $http);
    my $b = (trace($mark))[-1]{body};
    is("$b->{actor}{kind} $b->{actor}{id} $b->{rule} $b->{mode}",
        'structure ' . id_of('centre15') . ' G5 centre-15', 'traced');
}
known([1], blocked => [id_of('centre15')]);
finds([], {}, 'unless the patient has blocked it', as => 'centre15');



=== TEST 16: without a card, nobody
--- code
my $mark = trace_mark();
my $r = find({}, as => 'none');
is("$r->{status} " . reason_of($r->{json}), '401 authentication-required', 'refused');
unlike(join(' ', map { JSON::PP->new->encode($_->{body}) } trace($mark)), qr/Martin|Jeanne|1985-03/i,
    'and the trace says nothing of whom they asked for');



=== TEST 17: what is asked for is asked in one way
--- code
nobody();
known([1]);
my $traits = query(family => 'Martin', given => 'Jeanne', birthdate => '1985-03-02');
my $ins = 'urn:oid:1.2.250.1.213.1.4.8%7C' . ins(1);
for my $case (
    ["$traits&identifier=$ins", 'identifier and traits'],
    ["/fhir/Patient?identifier=$ins&family=Martin", 'identifier and one trait'],
    (map { my $missing = $_; [query(family => 'Martin', given => 'Jeanne', birthdate => '1985-03-02',
        $missing => undef), "no $missing"] } qw(family given birthdate)),
    (map { my $empty = $_; [query(family => 'Martin', given => 'Jeanne', birthdate => '1985-03-02',
        $empty => ''), "an empty $empty"] } qw(family given birthdate)),
    ["$traits&family=Martin", 'family twice'], ["$traits&given=Jeanne", 'given twice'],
    ["$traits&birthdate=1985-03-02", 'birthdate twice'],
    ['/fhir/Patient', 'nothing'], ['/fhir/Patient?', 'nothing behind the mark'],
    ["$traits&", 'an empty parameter'], ["$traits&family", 'one without a value'],
    (map { [$traits =~ s/\?family=/?family$_=/r, "family$_"] } ':exact', ':contains', '%3Aexact', '.x'),
    ["$traits&name=Martin", 'name'], ["$traits&gender=female", 'gender'], ["$traits&phone=0612345678", 'phone'],
    ["$traits&_count=1", '_count'], ["$traits&_id=martin", '_id'], ["$traits&_include=*", '_include'],
    ["$traits&_elements=name", '_elements'], ["$traits&_revinclude=x", '_revinclude'],
    ['/fhir/Patient?family=Martin%2CDurand&given=Jeanne&birthdate=1985-03-0', 'half a date'],
    (map { [$traits =~ s/1985-03-02/$_/r, "born $_"] } 'ge1985-03-02', '1985-3', '1985-13', '1985-00-02',
        '1985-02-30', '1985-03-02,1985-03-03', '1985-03-02T00:00:00Z', '1985/03/02'),
    (map { [$traits =~ s/family=Martin/family=$_/r, "family $_"] } 'Mar+tin', 'Mar%00tin', 'Mar%0Atin',
        'Mar%1Btin', 'Mar%7Ftin', 'Mar%25tin', 'Mar%', 'Mar%4', 'Mar%GZ', 'Mar%C3', 'Mar%FF', 'Mar%C0%AF',
        'Mar%ED%A0%80', 'Mar;tin', 'Mar%C2%85tin'),
) {
    my ($target, $name) = @$case;
    refused('400 request-ambiguous B1', $name, get => $target);
}
refused('413 request-ambiguous B1', 'a name of 201 letters', traits => { given => 'a' x 201 });
refused('400 request-ambiguous B1', "a header too: $_->[0]", headers => [$_])
    for ['DMP-Patient-Family' => 'Martin'], ['DMP-Patient-Birthdate' => '1985-03-02'];
refused('406 operation-unknown B1', 'XML', headers => ['Accept: application/fhir+xml']);
finds([], { given => 'a' x 200 }, 'a name of 200 letters is one');
finds([1], {}, 'the form is said in a parameter', get => "$traits&_format=json");



=== TEST 18: no other method finds
--- code
my $form = 'family=Martin&given=Jeanne&birthdate=1985-03-02';
for my $how ([post => '/fhir/Patient/_search'], [post => '/fhir/Patient'], [put => "/fhir/Patient?$form"],
    [delete => "/fhir/Patient?$form"], [patch => "/fhir/Patient?$form"])
{
    my ($method, $path) = @$how;
    my $r = request(on_path('centre-15', as => 'regulator', $method => $path,
        $method eq 'delete' ? () : (body => $form),
        headers => ['Content-Type: application/x-www-form-urlencoded']));
    is($r->{status}, 400, "$method $path");
    unlike($r->{body}, qr/MARTIN|searchset/, 'finds nobody');
}



=== TEST 19: HEAD: the same without a body
--- code
nobody();
known([1]);
my $get = find({});
for my $http ('1.1', '2') {
    my $mark = trace_mark();
    my $r = find({}, http => $http, get => undef,
        head => query(family => 'Martin', given => 'Jeanne', birthdate => '1985-03-02'));
    is($r->{status}, 200, "HTTP/$http");
    unlike($r->{body}, qr/resourceType/, 'no body');
    is($r->{headers}{$_}, $get->{headers}{$_}, "the same $_") for qw(content-type content-length cache-control);
    my $b = (trace($mark))[-1]{body};
    is("$b->{method} $b->{operation} $b->{decision}", 'HEAD find allow', 'traced');
}



=== TEST 20: channels: it reads, and a centre feeds
--- dmp: location => 'dmp_channel read;'
--- code
finds([1], {}, 'a regulator');
refused('403 channel-mismatch D2', 'a centre', as => 'centre15');



=== TEST 21: where nobody reads, nobody finds
--- dmp: location => 'dmp_channel feed;'
--- code
refused('403 channel-mismatch D2', $_, as => $_) for qw(regulator centre15);



=== TEST 22: what was looked for stands in no log and in no trace
--- code
nobody();
known([1], traits => { family => 'ZYXWVUTSR', given => 'Abracadabranta' });
my %rare = (family => 'Zyxwvutsr', given => 'Abracadabranta');
finds([1], { %rare }, 'found');
finds([], { %rare, family => 'Qponmlkji' }, 'not found');
refused('400 request-ambiguous B1', 'refused', traits => { %rare, birthdate => '1985-00-02' });
my %place = (store => Emergency::store_bytes(), log => slurp(DMP::error_log()));
for my $where (sort CORE::keys %place) {
    for my $word ('Zyxwvutsr', 'ZYXWVUTSR', 'zyxwvutsr', 'Abracadabranta', 'abracadabranta', 'Qponmlkji',
        'qponmlkji', ins(1))
    {
        my @found = grep { index($place{$where}, $_) >= 0 } Emergency::in_words($word);
        is_deeply(\@found, [], "$where: no $word");
    }
}



=== TEST 23: two workers find the same
--- dmp
Test::Nginx::Util::workers(2);
(http => '# two workers')
--- code
nobody();
known([1 .. 3]);
wait_for { worker_pids() == 2 } 'two workers';
my ($mark, %writers) = trace_mark();
my $found = join ' ', map { ins($_) } 1 .. 3;
wait_for {
    join(' ', named(find({}))) eq $found or die "not all of them\n";
    $writers{ $_->{body}{writer} } = 1 for trace($mark, qr/^access$/);
    CORE::keys %writers == 2;
} 'both workers to have answered', 30;
known([2], flags(0, 0, 0));
my $since = trace_mark();
%writers = ();
my $left = join ' ', map { ins($_) } 1, 3;
wait_for {
    join(' ', named(find({}))) eq $left or die "one who opposes it\n";
    $writers{ $_->{body}{writer} } = 1 for trace($since, qr/^access$/);
    CORE::keys %writers == 2;
} 'both workers to have answered', 30;
pass('and both know at once who opposes it');
DMP::verify_edited();
pass('the trace is whole');



=== TEST 24: without the store nobody is found
--- dmp
Test::Nginx::Util::workers(1);
(http => '# one worker')
--- code
nobody();
known([1]);
finds([1], {}, 'found');
DMP::stop_redis('KILL');
for my $http ('1.1', '2') {
    for my $traits ({}, { family => 'Durand' }, { family => '-' }) {
        my $r = find($traits, http => $http);
        is("$r->{status} " . reason_of($r->{json}), '503 trace-unavailable', "HTTP/$http: refused");
        ok($r->{headers}{'retry-after'}, 'for now');
        is_deeply([named($r)], [], 'nobody is named');
    }
}
DMP::start_redis();
wait_for { find({})->{status} == 200 } 'a request that is served';
finds([1], {}, 'found again');
DMP::verify_edited();
pass('the trace is whole');
--- error_log
dmp store is unavailable



=== TEST 25: all this without a word to the record host
--- code
is(scalar(backend()), $Asked, 'it was asked for nothing');



=== TEST 26: a condition is no reason to leave an answer out
--- code
nobody();
known([1]);
for my $condition (['If-Match' => '"1"'], ['If-None-Match' => '*'],
    ['If-Modified-Since' => 'Fri, 01 Jan 2100 00:00:00 GMT'],
    ['If-Unmodified-Since' => 'Thu, 01 Jan 2015 00:00:00 GMT'])
{
    for my $http ('1.1', '2') {
        my $r = finds([1], {}, "$condition->[0], HTTP/$http", headers => [$condition], http => $http);
        is($r->{headers}{'cache-control'}, 'no-store', 'not to be kept');
        ok($r->{headers}{'dmp-trace-id'}, 'traced');
    }
}
