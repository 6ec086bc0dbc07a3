# The published examples, as the host has them (t/fixtures): each is searched
# and read by a doctor whom the patient authorised, and comes out as H1 says
# for what its subject is.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeHost;
use HTTP::Tiny;
use Test::More;

our $Ins = 'urn:oid:1.2.250.1.213.1.4.8';

# The patient of PDSm for DMP, whose INS has a bad key; the one of PDSm's
# replacement; and one whom the Patient of PDSm becomes below.
our ($Dmp, $Replaced, $Linked) = qw(123456789012345 180017505600103
    190010100000187);

# What each says of its patient, and what it holds.  "value": a conditional
# reference that has one; "none": one that has not; "literal": Patient/id;
# and "+": a contained Patient has the identifier.
our %Example = (
    'doc-x-id' => ['value+', $Dmp, 'urn:oid:1.2.250.1.213.1.4.8.99999.0'],
    'docref-td2' => ['value+', $Dmp, 'Binary/binary-cda-td2'],
    'docref-y-nouvelle-version' => ['value+', $Dmp, 'Binary/binary-cda-v2'],
    'example-annexe-docref-cda' =>
        ['value+', $Dmp, 'Binary/example-annexe-binary-cda'],
    'example-annexe-docref-fhir' =>
        ['value+', $Dmp, 'Bundle/example-annexe-fhir-document'],
    'example-td2-iti105-publication-simplifiee' => ['value', $Dmp, 'data'],
    'example-td3-1a-cr-consultation' => ['none+', $Dmp,
        'https://dmp.esante.gouv.fr/fhir/Binary/cr-consultation-td31a'],
    'example-td3-1a-fhir-document' =>
        ['none+', $Dmp, 'Bundle/fhir-document-td31a'],
    'example-td3-1a-ordonnance' => ['none+', $Dmp, 'Binary/ordonnance-td31a'],
    'docref-doc-new-replace' =>
        ['literal+', $Replaced, 'Binary/binary-doc-new-replace'],
    'PDSmSimplifiedExample' => ['literal', undef, 'data'],
    'doc-old' => ['literal', undef, 'Binary/6789'],
    'exemple-pdsm-documentreference' => ['literal', undef, 'Binary/6789'],
);

my $always = { since => '2020-01-01', until => '2100-01-01', by => 'patient' };

sub record
{
    my ($ins) = @_;

    return { ins => $ins, status => 'open',
        traits => { family => 'MARTIN', given => 'Jeanne' },
        emergency => { bris_de_glace => JSON::PP::true,
            centre_15 => JSON::PP::true, masked => JSON::PP::false },
        authorisations => { '899700218896' => $always } };    # morel
}

import_records(record($Replaced), record($Linked));

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
    print $out JSON::PP::encode_json(record($Dmp)), "\n";
    close $out or die "$records: $!\n";

    dmpctl('record', 'import', $records, '--redis', redis_address(),
        '--record-key', "$keys/record.key", '--audit-key', "$keys/audit.key",
        '--pseudonym-key', "$keys/pseudonym.key", '--any-ins-key');

    return $file;
}

sub host_named
{
    return "dmp_record_host examples base=http://record_host/fhir @_;";
}

DMP::configure(policy => lenient(), location => host_named());


# Straight to the record host, behind the gateway's back.
sub host
{
    my ($method, $target, $body) = @_;

    my $r = HTTP::Tiny->new->request($method, 'http://' . backend_address()
        . "/fhir/$target", { defined $body ? (
            headers => { 'Content-Type' => 'application/fhir+json' },
            content => JSON::PP::encode_json($body)) : () });

    die "$method $target: $r->{status} $r->{content}\n" if !$r->{success};

    return $r->{content};
}

sub get { return request(as => 'morel', get => "/fhir/$_[0]", @_[1 .. $#_]) }
sub document { return get("DocumentReference/$_[0]", @_[1 .. $#_]) }

# The ids that a search for that patient gives.
sub found
{
    my ($ins, $type) = @_;

    my $r = get(($type // 'DocumentReference') . "?patient.identifier=$Ins|$ins");

    is($r->{status}, 200, "a search for $ins") or diag $r->{body};

    return [sort map { $_->{resource}{id} } @{ $r->{json}{entry} // [] }];
}

# The examples that name that patient, or any, or nobody.
sub all_examples { return sort(CORE::keys %Example) }
sub of { my ($ins) = @_; return grep { ($Example{$_}[1] // '') eq $ins } all_examples() }
sub named { return grep { defined $Example{$_}[1] } all_examples() }
sub of_nobody { return grep { !defined $Example{$_}[1] } all_examples() }

# What the host received since, of what was let through.
sub forwarded
{
    my ($from) = @_;

    my @all = backend();

    return [map { "$_->{method} $_->{target}" }
        grep { grep { lc $_->[0] eq 'dmp-trace-receipt' } @{ $_->{headers} } }
        @all[$from .. $#all]];
}

# A worker that knows nothing but what is in the store.
sub renew
{
    my %old = map { $_ => 1 } worker_pids();

    reload();
    wait_for { !grep { $old{$_} } worker_pids() } 'the end of the old worker';
}

# The DocumentReferences of a file: itself, or those in its Bundle.
sub documents_in
{
    my ($file) = @_;

    my $text = slurp($file) =~ s/^\xef\xbb\xbf//r;
    my $resource = JSON::PP->new->utf8->decode($text);

    return grep { $_->{resourceType} eq 'DocumentReference' } $resource,
        map { $_->{resource} // () } @{ $resource->{entry} // [] };
}

# As in the table above, read from the example itself.
sub form
{
    my ($document) = @_;

    my $subject = $document->{subject}{reference};
    my ($contained) = map { $_->{value} } grep { $_->{system} eq $Ins }
        map { @{ $_->{identifier} } } grep { $_->{resourceType} eq 'Patient' }
        @{ $document->{contained} // [] };

    my ($value) = $subject =~ /^Patient\?identifier=\Q$Ins\E\|(\d+)$/;

    my $form = defined $value ? 'value'
        : $subject =~ /^Patient\?identifier=\Q$Ins\E$/ ? 'none'
        : $subject =~ m{^Patient/[^/?]+$} ? 'literal' : $subject;

    return [$form . ($contained ? '+' : ''), $value // $contained];
}

# A host whose word is all that ties an example to a patient: it is published
# with a contained Patient, and here without.
sub bare_host
{
    my $document = JSON::PP::decode_json(slurp('t/fixtures/pdsm4dmp/'
        . 'DocumentReference-example-td3-1a-ordonnance.json'));

    delete $document->{contained};
    delete $document->{context}{sourcePatientInfo};

    my $text = JSON::PP->new->canonical->utf8->encode($document);
    my $found = qq({"resourceType":"Bundle","type":"searchset",)
        . qq("entry":[{"resource":$text}]});

    my $host = FakeHost->new(
        '/fhir/DocumentReference' => FakeHost::json($found),
        "/fhir/DocumentReference/$document->{id}" => FakeHost::json($text),
        '/fhir/Binary/ordonnance-td31a' => FakeHost::answer(200,
            { 'Content-Type' => 'application/pdf' }, '%PDF-1.4'));

    return (backend => $host->{address}, location => 'dmp_record_host another;');
}

DMP::run();

__DATA__

=== TEST 1: what the examples' subjects are
--- code
my %seen;
for my $file (glob('t/fixtures/pdsm/*.json'), glob('t/fixtures/pdsm4dmp/*.json')) {
    for my $document (documents_in($file)) {
        my $id = $document->{id};
        is_deeply(form($document), [@{ $Example{$id} }[0, 1]], "$file: $id");
        $seen{$id} = 1;
    }
}
is_deeply([sort(CORE::keys %seen)], [all_examples()], 'all of them');



=== TEST 2: at the host they hold what the table says
--- code
for my $id (all_examples()) {
    my $at = JSON::PP::decode_json(host(GET => "DocumentReference/$id"))
        ->{content}[0]{attachment};
    is($at->{url} // ($at->{data} ? 'data' : 'nothing'), $Example{$id}[2], $id);
}



=== TEST 3: a patient's search gives those that name the patient
--- code
is_deeply(found($Dmp), [of($Dmp)], 'PDSm for DMP');
is_deeply(found($Replaced), [of($Replaced)], 'PDSm');
is_deeply(found($Linked), [], 'nobody yet');



=== TEST 4: named by the reference or a contained Patient: read by the id alone
--- code
renew();
for my $id (named()) {
    for my $http ('1.1', '2') {
        my $r = document($id, http => $http);
        is("$r->{status} $r->{json}{id}", "200 $id", "$id: $Example{$id}[0]");
    }
    is(document($id, as => 'roux')->{status}, 404, "$id: not for another");
}



=== TEST 5: and so are its attachments, before any search has told of them
--- code
my %held = ('docref-td2' => 'application/xml',
    'docref-y-nouvelle-version' => 'application/xml',
    'example-annexe-docref-cda' => 'application/xml',
    'example-annexe-docref-fhir' => 'application/fhir+json',
    'docref-doc-new-replace' => 'application/pdf');
redis('DEL', $_) for map { @{ redis('KEYS', $_) } } 'dmp:doc:*', 'dmp:att:*',
    '{dmp:*}:docs:*';
renew();
for my $id (sort(CORE::keys %held)) {
    my $target = $Example{$id}[2];
    my $seen = backend();
    is(get($target, as => 'roux')->{status}, 404, "$target: not for another");
    is_deeply(forwarded($seen), [], "$target: nothing was let through");
    my $r = get($target, headers => ["Accept: $held{$id}"]);
    is($r->{status}, 200, "$target: shown");
    like($r->{headers}{'content-type'}, qr/^\Q$held{$id}\E/, "$target: its type");
    is($r->{body}, host(GET => $target), "$target: the host's bytes");
    is_deeply(forwarded($seen), ["GET /fhir/$target"], "$target: let through once");
}



=== TEST 6: what stands in the document itself comes with it, whole
--- code
my $id = 'example-td2-iti105-publication-simplifiee';
is(document($id)->{body}, host(GET => "DocumentReference/$id"), 'the same bytes');



=== TEST 7: attachments that the host has not, and one that no document has
--- code
for my $target (qw(Binary/ordonnance-td31a Bundle/fhir-document-td31a
    Binary/AuthorDispositif Binary/cr-consultation-td31a))
{
    my $r = get($target);
    is($r->{status}, 404, "$target: not there");
    is($r->{json}{issue}[0]{details}{coding}[0]{code}, 'document-foreign', 'reason');
}



=== TEST 8: an address at another host stays as it is, and is not ours to serve
--- code
host(PUT => 'Binary/cr-consultation-td31a', { resourceType => 'Binary',
    id => 'cr-consultation-td31a', contentType => 'application/pdf',
    data => 'SGVsbG8gV29ybGQ=' });
my $url = $Example{'example-td3-1a-cr-consultation'}[2];
my $got = document('example-td3-1a-cr-consultation')->{json};
is($got->{content}[0]{attachment}{url}, $url, 'as it was published');
is(get('Binary/cr-consultation-td31a')->{status}, 404, 'no document of ours has it');



=== TEST 9: the same address, once it is said to be the host's own
--- dmp: location => host_named('base=https://dmp.esante.gouv.fr/fhir')
--- code
my $got = document('example-td3-1a-cr-consultation')->{json};
my $ours = 'https://127.0.0.1:' . tls_port() . '/fhir/Binary/cr-consultation-td31a';
is($got->{content}[0]{attachment}{url}, $ours, 'it has become ours');
my ($in_search) = grep { $_->{id} eq 'example-td3-1a-cr-consultation' }
    map { $_->{resource} }
    @{ get("DocumentReference?patient.identifier=$Ins|$Dmp")->{json}{entry} };
is($in_search->{content}[0]{attachment}{url}, $ours, 'and in a search');
my $r = get('Binary/cr-consultation-td31a');
is("$r->{status} $r->{body}", '200 Hello World', 'and is served');
is(get('Binary/cr-consultation-td31a', as => 'roux')->{status}, 404,
    'but to nobody else');
host(DELETE => 'Binary/cr-consultation-td31a');



=== TEST 10: a literal reference says nothing: neither document nor attachment
--- code
my $seen = backend();
for my $id (of_nobody()) {
    is(document($id)->{status}, 404, $id);
}
is(get('Binary/6789')->{status}, 404, 'Binary/6789');
is_deeply(forwarded($seen), [], 'nothing was let through');



=== TEST 11: not even once the host knows whose the Patient is
--- code
my $patient = JSON::PP::decode_json(host(GET => 'Patient/fr-patient-123'));
host(PUT => 'Patient/fr-patient-123', { %$patient,
    identifier => [{ system => $Ins, value => $Linked }] });
renew();
is(document($_)->{status}, 404, $_) for of_nobody();
is(get('Binary/6789')->{status}, 404, 'Binary/6789');



=== TEST 12: the search for that patient tells; one that names another does not
--- code
my @own = of_nobody();
is_deeply(found($Linked), \@own, 'those that name nobody else');
for my $time ('with what the worker knows', 'with what the store knows') {
    is(document($_)->{status}, 200, "$_: $time") for @own;
    is(document($_, as => 'roux')->{status}, 404, "$_: not for another") for @own;
    my $r = get('Binary/6789');
    is("$r->{status} $r->{body}", '200 ' . host(GET => 'Binary/6789'),
        "Binary/6789, which two of them have: $time");
    is(get('Binary/6789', as => 'roux')->{status}, 404, 'not for another');
    renew();
}
is_deeply(found($Replaced), ['docref-doc-new-replace'],
    'a contained Patient comes before a literal reference');



=== TEST 13: Lists: what they name is judged, and they are
--- code
is_deeply(found($Dmp, 'List'), ['submissionset-td2', 'submissionset-td2-1'],
    'of a reference with a value');
is_deeply(found($Linked, 'List'), ['ExampleFolder', 'ExampleSubmissionSet'],
    'literal; the one that names a document of another patient is not there');



=== TEST 14: what was learnt is in the store, and nowhere else
--- code
is(document('doc-old')->{status}, 200, 'known');
redis('DEL', $_) for map { @{ redis('KEYS', $_) } } 'dmp:doc:*', 'dmp:att:*',
    '{dmp:*}:docs:*';
renew();
is(document('doc-old')->{status}, 404, 'forgotten');
is(get('Binary/6789')->{status}, 404, 'and its attachment');
found($Linked);
is(get('Binary/6789')->{status}, 200, 'learnt again');



=== TEST 15: without a value and without a contained Patient: only by the search
--- dmp: bare_host()
--- code
my $read = sub { join ' ', document('example-td3-1a-ordonnance')->{status},
    get('Binary/ordonnance-td31a')->{status} };
is($read->(), '404 404', 'before');
is_deeply(found($Linked), ['example-td3-1a-ordonnance'], 'found');
is($read->(), '200 200', 'after');
renew();
is($read->(), '200 200', 'and for a worker that has not seen it');
is(document('example-td3-1a-ordonnance', as => 'roux')->{status}, 404,
    'but for nobody else');
