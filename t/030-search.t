# TD3.1a: the search of a doctor, decided before it is forwarded (C1, C2, F1,
# G1), its answer cut down to what the doctor may see (H1, H3).

use strict;
use warnings;

use lib 't/lib';
use DMP;
use HTTP::Tiny;
use Test::More;

our $Search = '/fhir/DocumentReference?patient.identifier='
    . 'urn:oid:1.2.250.1.213.1.4.8|';
our $Martin = '285037512000151';

my $always = { since => '2020-01-01', until => '2100-01-01', by => 'patient' };
my ($morel, $petit, $roux, $leroy) = qw(899700218896 899700314422 899700451273
    899700588637);

sub record
{
    my ($ins, %more) = @_;

    return { ins => $ins, status => 'open',
        traits => { family => 'MARTIN', given => 'Jeanne' },
        emergency => { bris_de_glace => JSON::PP::true,
            centre_15 => JSON::PP::true, masked => JSON::PP::false }, %more };
}

# What a test changes, every test sets anew.
sub martin
{
    import_records(record($Martin, authorisations => { $morel => $always,
        $petit => $always }, treating => [$leroy], @_));
}

martin();

import_records(
    record('172066912304538', authorisations => { $petit => $always },
        status => 'closed'),
    record('291113306311296', authorisations => {
        $petit => { %$always, until => '2021-01-01' },
        $morel => { %$always, since => '2099-01-01' },
        $leroy => $always }),
    record('168112A00405781', authorisations => { $petit => $always },
        treating => [$petit], blocked => [$petit]),
    record('180017505600103', authorisations => { $morel => $always }),
);


# "refused: STATUS RULE REASON": the answer says so, the trace says so, and
# the record host received nothing.
add_block_preprocessor(sub {
    my ($block) = @_;

    my ($status, $rule, $reason) = split ' ', $block->refused // return;

    $block->set_value(status => $status);
    $block->set_value(backend => 'none');
    $block->set_value(json => "resourceType = OperationOutcome\n"
        . "issue.0.details.coding.0.code = $reason\n");
    $block->set_value(trace => "body.decision = deny\nbody.rule = $rule\n"
        . "body.reason = $reason\nbody.operation = search\n"
        . "body.patient exists\noutcome = 1\n" . ($block->trace // ''));
});


# Searches, and asserts what every answer of the host's must be: the ids of
# the documents left in it, and the outcome that the trace has of it.
sub shown
{
    my ($as, $ins, $withheld, $more, $name) = @_;

    my @ids;

    for my $http ('1.1', '2') {
        my $mark = trace_mark();
        my $r = request(as => $as, http => $http,
            get => $Search . $ins . ($more // ''));

        is($r->{status}, 200, "$name - status") or diag $r->{body};
        ok(!exists $r->{json}{total}, "$name - no total");
        @ids = sort map { $_->{resource}{id} } @{ $r->{json}{entry} // [] };

        # the last one, after those that a change of the record made stale
        my ($access) = reverse trace($mark);
        is("$access->{body}{decision} $access->{body}{rule}", 'allow G1',
            "$name - trace");

        my $outcome = outcome($mark, $r->{headers}{'dmp-trace-id'});
        is("$outcome->{status} $outcome->{shown} $outcome->{withheld}",
            '200 ' . @ids . " $withheld", "$name - outcome");
    }

    return [map { s/^martin-//r } @ids];
}

# What the trace says of how that request ended.
sub outcome
{
    my ($mark, $id) = @_;

    return wait_for {
        my ($found) = grep { $_->{trace} eq $id }
            map { @{ $_->{body}{outcomes} } } trace($mark, qr/^outcome$/);
        $found;
    } 'the outcome', 5;
}

# Straight to the record host, behind the gateway's back.
sub put
{
    my ($document) = @_;

    my $r = HTTP::Tiny->new->request('PUT', 'http://' . backend_address()
        . "/fhir/DocumentReference/$document->{id}",
        { headers => { 'Content-Type' => 'application/fhir+json' },
            content => JSON::PP::encode_json($document) });

    die "PUT: $r->{status} $r->{content}\n" if !$r->{success};
}

# A policy that does not check the key of an INS, and a record that needs it.
sub lenient
{
    my $file = policy() =~ s/policy\.json/lenient.json/r;
    my $keys = DMP::keys();
    my $records = DMP::Proc::dir() . '/lenient.jsonl';

    open my $out, '>', $file or die "$file: $!\n";
    print $out slurp(policy()) =~ s/("ins_key": )true/$1false/r;
    close $out or die "$file: $!\n";

    open $out, '>', $records or die "$records: $!\n";
    print $out JSON::PP::encode_json(record('123456789012345',
        authorisations => { $morel => $always })), "\n";
    close $out or die "$records: $!\n";

    dmpctl('record', 'import', $records, '--redis', redis_address(),
        '--record-key', "$keys/record.key", '--audit-key', "$keys/audit.key",
        '--pseudonym-key', "$keys/pseudonym.key", '--any-ins-key');

    return $file;
}

our @Martin = qw(biologie-1 biologie-2 consultation-1 consultation-2
    consultation-3 hospitalisation imagerie-1 ordonnance-1 ordonnance-2
    psychiatrie synthese vaccination);

sub but { my %not = map { $_ => 1 } @_; return [grep { !$not{$_} } @Martin] }

DMP::run();

__DATA__

=== TEST 1: the host receives the search as it was made, once
--- as: petit
--- get: /fhir/DocumentReference?patient.identifier=urn%3Aoid%3A1.2.250.1.213.1.4.8%7C285037512000151&status=current&_format=json
--- status: 200
--- header
Content-Type ~ ^application/fhir\+json
Cache-Control = no-store
DMP-Trace-Id exists
ETag absent
--- backend
GET /fhir/DocumentReference?patient.identifier=urn%3Aoid%3A1.2.250.1.213.1.4.8%7C285037512000151&status=current&_format=json
--- json
resourceType = Bundle
type = searchset
link.0.relation = self
total absent
entry.# = 11
entry.0.resource.resourceType = DocumentReference
--- unlike
psychiatrie
MASQUE_PS
--- trace
body.decision = allow
body.rule = G1
body.reason = none
body.operation = search
body.transaction = TD3.1a
body.mode = normal
body.emergency = false
body.method = GET
body.route = DocumentReference?
outcome = 1



=== TEST 2: H3: a masked document is left out
--- code
is_deeply(shown('petit', $Martin, 1, '', 'petit'), but('psychiatrie'),
    'all but the masked one');



=== TEST 3: H3: but its author sees it
--- code
is_deeply(shown('morel', $Martin, 0, '', 'morel'), \@Martin, 'all of them');



=== TEST 4: H3: and so does the treating physician
--- code
is_deeply(shown('leroy', $Martin, 0, '', 'leroy'), \@Martin, 'all of them');



=== TEST 5: C1: no record
--- as: petit
--- get eval: $main::Search . '255069910000166'
--- refused: 403 C1 record-absent



=== TEST 6: C2: a closed record
--- as: petit
--- get eval: $main::Search . '172066912304538'
--- refused: 403 C2 record-closed



=== TEST 7: F1: blocked beats authorised and treating
--- as: petit
--- get eval: $main::Search . '168112A00405781'
--- refused: 403 F1 blocked



=== TEST 8: G1: not authorised
--- as: roux
--- get eval: $main::Search . '285037512000151'
--- refused: 403 G1 not-authorised
--- trace
body.actor.id = 899700451273
body.version exists



=== TEST 9: G1: an authorisation that has expired
--- as: petit
--- get eval: $main::Search . '291113306311296'
--- refused: 403 G1 authorisation-expired



=== TEST 10: G1: an authorisation that has not begun
--- as: morel
--- get eval: $main::Search . '291113306311296'
--- refused: 403 G1 not-authorised



=== TEST 11: G1: the last day of an authorisation is not one of it
--- code
my ($d, $m, $y) = (localtime)[3, 4, 5];
local $ENV{TZ} = 'Europe/Paris';
POSIX::tzset();
my $today = POSIX::strftime('%Y-%m-%d', localtime);
my $tomorrow = POSIX::strftime('%Y-%m-%d', localtime(time + 86400));
my %grant = (since => $today, by => 'patient');
martin(authorisations => { 899700314422 => { %grant, until => $tomorrow } });
is(request(as => 'petit', get => $Search . $Martin)->{status}, 200, 'until tomorrow');
martin(authorisations => { 899700314422 => { %grant, since => '2020-01-01',
    until => $today } });
my $r = request(as => 'petit', get => $Search . $Martin);
is($r->{status}, 403, 'until today');
is($r->{json}{issue}[0]{details}{coding}[0]{code}, 'authorisation-expired', 'reason');



=== TEST 12: what the patient withdraws holds for the next request
--- code
martin();
is(request(as => 'petit', get => $Search . $Martin)->{status}, 200, 'authorised');
martin(blocked => ['899700314422']);
my $seen = backend();
my $mark = trace_mark();
my $r = request(as => 'petit', get => $Search . $Martin);
is($r->{status}, 403, 'blocked');
is($r->{json}{issue}[0]{details}{coding}[0]{code}, 'blocked', 'reason');
is(scalar(backend()), $seen, 'nothing was forwarded');
# decided with what was known, found stale by the store, decided again
my @outcomes = map { "$_->{body}{decision} $_->{outcome}" } trace($mark);
is($outcomes[-1], 'deny 1', 'the decision that stands');
is(scalar(grep { $_ eq 'allow 1' } @outcomes), 0, 'no allowance that stands');
martin();



=== TEST 13: H3: masked in the record, by its identifier or its resource id
--- code
martin(masked => ['urn:oid:1.2.250.1.213.1.4.8.99999.1.3', 'martin-biologie-1']);
is_deeply(shown('petit', $Martin, 3, '', 'petit'),
    but(qw(psychiatrie consultation-3 biologie-1)), 'both are left out');
is_deeply(shown('leroy', $Martin, 0, '', 'treating'), \@Martin,
    'but for the treating physician');
martin();



=== TEST 14: H3: all masked by default, but what the patient unmasked
--- code
martin(mask_by_default => JSON::PP::true,
    unmasked => ['urn:oid:1.2.250.1.213.1.4.8.99999.1.3']);
is_deeply(shown('petit', $Martin, 7, '', 'petit'),
    [qw(consultation-1 consultation-3 ordonnance-1 synthese vaccination)],
    'the four that petit wrote, and the one that was unmasked');
is_deeply(shown('leroy', $Martin, 0, '', 'treating'), \@Martin, 'treating');
martin();



=== TEST 15: H3: the unmasked list does not undo a label
--- code
martin(mask_by_default => JSON::PP::true, unmasked => [
    'urn:oid:1.2.250.1.213.1.4.8.99999.1.12', 'martin-psychiatrie']);
ok(!grep({ $_ eq 'psychiatrie' } @{ shown('petit', $Martin, 8, '', 'petit') }),
    'the label stands');
martin();



=== TEST 16: H3: labels that mask nothing from a doctor, and one beside another
--- code
my $all = shown('leroy', '291113306311296', 1, '', 'bernard');
is(scalar(grep { /consultation-2|biologie-1|note|droits/ } @$all), 4,
    'restricted, without label, of the patient, of the insurer');
ok(!grep({ /gynecologie/ } @$all), 'the masked one is not there');



=== TEST 17: an emptied result is one, without anything that counts
--- as: petit
--- get eval: $main::Search . '285037512000151&identifier=urn:oid:1.2.250.1.213.1.4.8.99999.1.12'
--- status: 200
--- json
resourceType = Bundle
type = searchset
entry absent
total absent
link.0.relation = self
--- unlike
psychiatrie
"total"



=== TEST 18: and it is the answer to a search that finds nothing
--- code
my @r = map { request(as => 'petit', get => $Search . $Martin
    . "&identifier=urn:oid:1.2.250.1.213.1.4.8.99999.1.$_") } 12, 99;
$_->{body} =~ s/99999\.1\.\d\d// for @r;
is($r[0]{body}, $r[1]{body}, 'the same bytes but for the link that repeats it');
is_deeply([sort { $a cmp $b } CORE::keys %{ $r[0]{headers} }],
    [sort { $a cmp $b } CORE::keys %{ $r[1]{headers} }],
    'the same headers');



=== TEST 19: a page keeps its next link, emptied or not
--- code
martin(mask_by_default => JSON::PP::true);
my $r = request(as => 'petit', get => "$Search$Martin&_count=2&type=18748-4,11502-2");
ok(!exists $r->{json}{entry}, 'an emptied page');
is_deeply([map { $_->{relation} } @{ $r->{json}{link} }], ['self', 'next'], 'its links');
martin();
$r = request(as => 'petit', get => "$Search$Martin&_count=2");
is(scalar @{ $r->{json}{entry} }, 2, 'a page');
is_deeply([map { $_->{relation} } @{ $r->{json}{link} }], ['self', 'next'], 'its links');



=== TEST 20: H1: what the host returns of another patient is withheld
--- code
my $ins = 'urn:oid:1.2.250.1.213.1.4.8';
my %base = (resourceType => 'DocumentReference', status => 'current',
    content => [{ attachment => { contentType => 'text/plain' } }]);
my $of = sub { { reference => "Patient?identifier=$ins|$_[0]" } };
my $contained = sub { contained => [{ resourceType => 'Patient', id => 'p',
    identifier => [{ system => $ins, value => $_[0] }] }] };
# the host finds them by either name
put({ %base, id => 'foreign-source', subject => $of->($Martin),
    $contained->('172066912304538'),
    context => { sourcePatientInfo => { reference => '#p' } } });
put({ %base, id => 'foreign-subject', subject => $of->('172066912304538'),
    $contained->($Martin),
    context => { sourcePatientInfo => { reference => '#p' } } });
put({ %base, id => 'foreign-identifier', subject => { %{ $of->($Martin) },
    identifier => { system => $ins, value => '172066912304538' } } });
put({ %base, id => 'martin-literal', subject => { reference => 'Patient/martin' } });
my $mark = trace_mark();
my $ids = shown('morel', $Martin, 3, '', 'foreign');
is_deeply([grep { !/^foreign/ } @$ids], [sort @Martin, 'literal'],
    'his own, and the one that the search alone binds to him');
is(scalar(grep { /^foreign/ } @$ids), 0, 'none that names another');
my $host = HTTP::Tiny->new;
$host->delete('http://' . backend_address() . "/fhir/DocumentReference/$_")
    for qw(foreign-source foreign-subject foreign-identifier martin-literal);



=== TEST 21: F18: a document hidden inside an entry is judged by what it is
--- code
# a search for one patient in an answer that holds other resources
put({ resourceType => 'DocumentReference', id => 'martin-wrapped',
    status => 'current', subject => { reference => 'Patient/martin' },
    contained => [{ resourceType => 'DocumentReference', id => 'inner',
        securityLabel => [{ coding => [{ code => 'MASQUE_PS' }] }] }],
    securityLabel => [{ coding => [{ code => 'MASQUE_PS' }, { code => 'N' }] }],
    content => [{ attachment => { contentType => 'text/plain' } }] });
ok(!grep({ $_ eq 'wrapped' } @{ shown('petit', $Martin, 2, '', 'wrapped') }),
    'of two labels the one that masks holds');
HTTP::Tiny->new->delete('http://' . backend_address()
    . '/fhir/DocumentReference/martin-wrapped');



=== TEST 22: peers' input: an example of PDSm, whole
--- code
is_deeply(shown('morel', '180017505600103', 0, '', 'replace'),
    ['docref-doc-new-replace'], 'shown');



=== TEST 23: peers' input: the examples of PDSm for DMP have an INS with a bad key
--- as: morel
--- get eval: $main::Search . '123456789012345'
--- status: 400
--- json
issue.0.details.coding.0.code = ins-invalid
--- backend: none



=== TEST 24: peers' input: with that check off, through the gateway and back
--- dmp: policy => lenient()
--- code
my $ids = shown('morel', '123456789012345', 0, '', 'examples');
is_deeply([grep { !/^example-td3-1a/ } @$ids], [qw(doc-x-id docref-td2
    docref-y-nouvelle-version example-annexe-docref-cda
    example-annexe-docref-fhir example-td2-iti105-publication-simplifiee)],
    'those whose subject names the patient');
is(scalar(grep { /^example-td3-1a/ } @$ids), 3,
    'and those whose source patient does: their subject has no value');
