# TD3.2: a document read by its id.  Whose it is, the gateway asks the record
# host; what may not be shown is not told from what does not exist.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeHost;
use HTTP::Tiny;
use Test::More;

our $Ins = 'urn:oid:1.2.250.1.213.1.4.8';

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

import_records(
    # martin
    record('285037512000151', authorisations => { $morel => $always,
        $petit => $always }, treating => [$leroy],
        masked => ['urn:oid:1.2.250.1.213.1.4.8.99999.1.7']),
    # durand
    record('172066912304538', authorisations => { $morel => $always,
        899700610944 => $always },      # a pharmacist
        blocked => [$petit]),
    # bernard
    record('291113306311296', authorisations => { $petit => $always },
        status => 'closed'),
);                                     # and paoli has none


# Straight to the record host, behind the gateway's back.
sub host
{
    my ($method, $id, $body, $type) = @_;

    my $r = HTTP::Tiny->new->request($method, 'http://' . backend_address()
        . "/fhir/DocumentReference/$id", { defined $body ? (
            headers => { 'Content-Type' => $type // 'application/fhir+json' },
            content => JSON::PP::encode_json($body)) : () });

    die "$method $id: $r->{status} $r->{content}\n" if !$r->{success};

    return $r->{content};
}

# A document of the host's own; "about" is the INS it names, if any.
sub put
{
    my ($id, $about, %more) = @_;

    host(PUT => $id, { resourceType => 'DocumentReference', id => $id,
        status => 'current',
        subject => { reference => $about ? "Patient?identifier=$Ins|$about"
            : 'Patient/martin' },
        content => [{ attachment => { contentType => 'text/plain' } }], %more });
}

# Of that type, in LOINC.
sub loinc { return type => { coding => [{ system => 'http://loinc.org', code => $_[0] }] } }

sub labelled
{
    my ($code) = @_;

    return securityLabel => [{ coding => [{ system =>
        'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code => $code }] }];
}

sub reader
{
    my ($as, $id, %more) = @_;

    return request(as => $as, get => "/fhir/DocumentReference/$id", %more);
}

# What the host received since: "METHOD target", with "+" where a receipt
# shows that the request was let through.
sub received
{
    my ($from) = @_;

    my @all = backend();

    return map {
        my %h = map { lc $_->[0] => $_->[1] } @{ $_->{headers} };
        ($h{'dmp-trace-receipt'} ? '+' : '') . "$_->{method} $_->{target}";
    } @all[$from .. $#all];
}

sub outcome
{
    my ($mark, $id) = @_;

    return wait_for {
        my ($found) = grep { $_->{trace} eq $id }
            map { @{ $_->{body}{outcomes} } } trace($mark, qr/^outcome$/);
        $found;
    } 'the outcome', 5;
}

DMP::run();

__DATA__

=== TEST 1: the first reading asks the host whose document it is, later ones know
--- code
my $target = 'GET /fhir/DocumentReference/martin-consultation-3';
for my $time (1 .. 3) {
    my $seen = backend();
    my $mark = trace_mark();
    my $r = reader('petit', 'martin-consultation-3', http => $time == 3 ? '2' : '1.1');
    is($r->{status}, 200, "time $time: status");
    is_deeply([received($seen)], [$time == 1 ? $target : (), "+$target"],
        "time $time: what the host received");
    my ($entry, @more) = trace($mark);
    is(scalar @more, 0, "time $time: one entry");
    my $b = $entry->{body};
    is("$b->{decision} $b->{rule} $b->{operation} $b->{transaction} $b->{route}",
        'allow G1 read TD3.2 DocumentReference/{id}', 'trace');
    is_deeply($b->{documents}, [['urn:oid:1.2.250.1.213.1.4.8.99999.1.3',
        '11488-4']], "time $time: the document in the trace");
    my $o = outcome($mark, $r->{headers}{'dmp-trace-id'});
    is("$o->{status} $o->{shown} $o->{withheld}", '200 1 0', 'outcome');
}



=== TEST 2: the document is the host's own bytes, without its headers
--- code
my $r = reader('petit', 'martin-ordonnance-1');
is($r->{body}, host(GET => 'martin-ordonnance-1'), 'bytes');
like($r->{headers}{'content-type'}, qr{^application/fhir\+json}, 'type');
is($r->{headers}{'cache-control'}, 'no-store', 'F11: not to be kept');
is($r->{headers}{$_}, undef, "F11: no $_") for qw(etag last-modified accept-ranges);



=== TEST 3: F5, F6, F11: what could change the answer reaches the host in neither
--- code
my $seen = backend();
my $r = reader('petit', 'martin-biologie-1', headers => [
    'Range: bytes=0-9', 'If-Range: "1"', 'If-None-Match: W/"1"', 'If-Match: *',
    'If-Modified-Since: Sun, 01 Jan 2040 00:00:00 GMT',
    'If-Unmodified-Since: Sun, 01 Jan 2040 00:00:00 GMT',
    'Accept-Encoding: gzip', 'TE: trailers', 'Prefer: return=minimal',
    'DMP-Access-Mode: normal', 'DMP-Justification: abcdefghijkl',
    'DMP-Patient-Family: MARTIN', 'X-Kept: no', 'Cache-Control: max-age=60',
    'Accept-Language: fr']);
is($r->{status}, 200, 'the whole of it');
is($r->{json}{id}, 'martin-biologie-1', 'as JSON');
my @got = (backend())[$seen .. $seen + 1];
for my $which (0, 1) {
    is_deeply([sort map { lc $_->[0] } @{ $got[$which]{headers} }],
        [sort qw(host accept), $which
            ? qw(accept-language user-agent dmp-trace-receipt)
            : 'cache-control'],
        $which ? 'the request' : 'the question');
}



=== TEST 4: F19: whatever the reason, the same 404
--- code
put('martin-nobody');
put('durand-synthese', '172066912304538', loinc('68599-0'));
put('martin-two', '285037512000151', context => { sourcePatientInfo =>
    { identifier => { system => $Ins, value => '172066912304538' } } });
my @cases = (
    # who, document, rule and reason in the trace
    ['petit', 'never-used', 'H1 document-foreign'],
    ['petit', 'martin-psychiatrie', 'H3 masked'],
    ['petit', 'martin-biologie-2', 'H3 masked'],          # in the record
    ['petit', 'martin-nobody', 'H1 document-foreign'],
    ['petit', 'martin-two', 'H1 document-foreign'],
    ['roux', 'martin-consultation-1', 'G1 not-authorised'],
    ['petit', 'durand-ald', 'F1 blocked'],
    ['petit', 'bernard-consultation-1', 'C2 record-closed'],
    ['petit', 'paoli-consultation-1', 'C1 record-absent'],
    ['pharmacien', 'martin-consultation-1', 'G1 not-authorised'],
    ['pharmacien', 'durand-synthese', 'H2 type-not-allowed'],
);
my (%body, %head);
for my $case (@cases) {
    my ($as, $id, $want) = @$case;
    # the second time its facts may be known
    for my $http ('1.1', '2', '1.1') {
        my $mark = trace_mark();
        my $r = reader($as, $id, http => $http);
        is($r->{status}, 404, "$id - status");
        my ($entry) = trace($mark);
        my $b = $entry->{body};
        is("$b->{decision} $b->{rule} $b->{reason}", "deny $want", "$id - trace");
        my $trace = $r->{headers}{'dmp-trace-id'};
        is($b->{trace}, $trace, "$id - its id");
        $body{ $r->{body} =~ s/\Q$trace\E/ID/gr } = $id;
        my $names = join "\n", $r->{head} =~ /^([^:\r\n]+):/mg;
        $head{"$http $names"} = $id;
        is($r->{headers}{'content-length'}, length $r->{body}, "$id - length");
    }
}
is(scalar(CORE::keys %body), 1, 'one body, but for the trace id')
    or diag join "\n", CORE::keys %body;
is(scalar(CORE::keys %head), 2, 'the same headers, for each protocol')
    or diag join "\n\n", CORE::keys %head;
is((CORE::keys %body)[0] =~ /"code":"document-foreign"/, 1, 'and one reason');



=== TEST 5: the author and the treating physician read what is masked
--- code
is(reader('morel', 'martin-psychiatrie')->{status}, 200, 'author');
is(reader('leroy', 'martin-psychiatrie')->{status}, 200, 'treating physician');
is(reader('leroy', 'martin-biologie-2')->{status}, 200, 'masked in the record');
is(reader('petit', 'martin-psychiatrie')->{status}, 404, 'nobody else');



=== TEST 51: H2: each profession reads the types of its row
--- code
put('durand-report', '172066912304538', loinc('11488-4'));
put('durand-unknown', '172066912304538', loinc('99999-9'));
put('durand-elsewhere', '172066912304538', type => { coding => [
    { system => 'urn:x', code => '11488-4' }] });
put('durand-both', '172066912304538', type => { coding => [
    { system => 'http://loinc.org', code => '11488-4' },
    { system => 'http://loinc.org', code => '68599-0' }] });
put('durand-untyped', '172066912304538');
is(reader('pharmacien', 'durand-report')->{status}, 200, 'a report');
is(reader('pharmacien', "durand-$_")->{status}, 404, $_)
    for qw(synthese unknown elsewhere both untyped);
is(reader('morel', "durand-$_")->{status}, 200, "a doctor: $_")
    for qw(report synthese unknown elsewhere both untyped);



=== TEST 6: a document that is masked at the host is judged anew
--- code
put('martin-changing', '285037512000151', labelled('N'));
is(reader('petit', 'martin-changing')->{status}, 200, 'shown');
put('martin-changing', '285037512000151', labelled('MASQUE_PS'));
my $mark = trace_mark();
my $r = reader('petit', 'martin-changing');
is($r->{status}, 404, 'masked: not shown');
unlike($r->{body}, qr/martin|MASQUE/, 'nothing of it');
my $o = outcome($mark, $r->{headers}{'dmp-trace-id'});
is("$o->{status} $o->{shown} $o->{withheld} $o->{reason}", '404 0 1 masked',
    'the outcome says why');
is(reader('petit', 'martin-changing')->{status}, 404, 'nor the next time');
is(reader('leroy', 'martin-changing')->{status}, 200, 'but for the treating one');



=== TEST 7: and so is one that is unmasked there
--- code
put('martin-changing', '285037512000151', labelled('MASQUE_PS'));
is(reader('petit', 'martin-changing')->{status}, 404, 'masked');
host(PATCH => 'martin-changing', [{ op => 'replace',
    path => '/securityLabel/0/coding/0/code', value => 'N' }],
    'application/json-patch+json');
is(reader('petit', 'martin-changing')->{status}, 200, 'shown');



=== TEST 8: one that turns out to be of another patient
--- code
put('martin-moving', '285037512000151');
is(reader('petit', 'martin-moving')->{status}, 200, 'shown');
put('martin-moving', '172066912304538');
my $mark = trace_mark();
my $r = reader('petit', 'martin-moving');
is($r->{status}, 404, 'not shown');
my $o = outcome($mark, $r->{headers}{'dmp-trace-id'});
is("$o->{status} $o->{shown} $o->{reason}", '404 0 document-foreign', 'outcome');
is(reader('morel', 'martin-moving')->{status}, 200, 'shown to the other\'s doctor');
put('martin-moving');
is(reader('morel', 'martin-moving')->{status}, 200,
    'naming nobody: the index knows whose it was');
is(reader('petit', 'martin-moving')->{status}, 404, 'and whose it is not');



=== TEST 9: one that is gone
--- code
put('martin-going', '285037512000151');
is(reader('petit', 'martin-going')->{status}, 200, 'shown');
host(DELETE => 'martin-going');
my $r = reader('petit', 'martin-going');
is($r->{status}, 404, 'not found');
is($r->{body} =~ s/trace [-0-9a-f]+/trace/r,
    reader('petit', 'never-used')->{body} =~ s/trace [-0-9a-f]+/trace/r,
    'like any other');



=== TEST 10: F3, D7: HEAD is asked for as GET, and answered without a body
--- code
my $seen = backend();
my $id = 'martin-consultation-1';
my $want = reader('petit', $id);
for my $http ('1.1', '2') {
    my $mark = trace_mark();
    my $r = request(as => 'petit', head => "/fhir/DocumentReference/$id",
        http => $http);
    is($r->{status}, 200, "HTTP/$http");
    unlike($r->{body}, qr{resourceType}, 'no body');
    is($r->{headers}{$_}, $want->{headers}{$_}, "the same $_")
        for qw(content-type content-length cache-control);
    my ($entry) = trace($mark);
    is("$entry->{body}{method} $entry->{body}{decision}", 'HEAD allow', 'trace');
}
is((received($seen))[-1], "+GET /fhir/DocumentReference/$id", 'as GET');
for my $id ('never-used', 'martin-psychiatrie') {
    my $r = request(as => 'petit', head => "/fhir/DocumentReference/$id");
    my $get = reader('petit', $id);
    is($r->{status}, 404, "$id: 404");
    unlike($r->{body}, qr{resourceType}, 'no body');
    is($r->{headers}{'content-length'}, length $get->{body}, 'its length');
}



=== TEST 11: ids: every character that FHIR has for them, up to their length
--- code
for my $id ('a.b-C9', '9', 'x' x 64, 'A.-') {
    put($id, '285037512000151');
    my $r = reader('petit', $id);
    is("$r->{status} $r->{json}{id}", "200 $id", "id $id");
}



=== TEST 12: ids: none of these is one, and the host hears of none
--- code
my $seen = backend();
for my $id ('x' x 65, 'martin_consultation', 'martin-consultation-1~',
    'martin-consultation-1/', 'martin-consultation-1/_history/1',
    'martin-consultation-1/_history', '%6Dartin-consultation-1',
    'martin%2Dconsultation-1', '.', '..', '.martin', '_search', '_history',
    '$docref', 'martin-consultation-1/$everything', '*', "a\xc3\xa9",
    'martin-consultation-1;x', 'martin-consultation-1:80',
    '../DocumentReference/martin-consultation-1', 'martin-consultation-1%00',
    'martin-consultation-1%20', './martin-consultation-1', '')
{
    for my $http ('1.1', '2') {
        my $r = reader('petit', $id, http => $http);
        is($r->{status}, 400, "$id - refused");
    }
}
is_deeply([received($seen)], [], 'the host received nothing');



=== TEST 13: an id of one host says nothing of another host's
--- dmp eval
$main::Fake = FakeHost->new('/other/DocumentReference/martin-consultation-1' =>
    FakeHost::json('{"resourceType":"DocumentReference",'
    . '"id":"martin-consultation-1","status":"current","subject":{"reference":'
    . '"Patient?identifier=' . $main::Ins . '|172066912304538"},"content":[]}'));
"server => q{location /other/ { dmp on; dmp_resource fhir;"
    . " proxy_pass http://$main::Fake->{address}; }}"
--- code
my $other = '/other/DocumentReference/martin-consultation-1';
is(reader('petit', 'martin-consultation-1')->{status}, 200, 'of the one host');
is(request(as => 'petit', get => $other)->{status}, 404, 'blocked at the other');
my $r = request(as => 'morel', get => $other);
is($r->{status}, 200, 'the other\'s doctor');
like($r->{body}, qr/172066912304538/, 'gets the other\'s document');



=== TEST 14: an INS in the place of an id does not enter the trace
--- as: petit
--- get: /fhir/DocumentReference/285037512000151
--- status: 404
--- trace
body.operation = read
body.documents.0.0 ~ ^[-_A-Za-z0-9]{22}$
