# Who can deposit could claim any attachment: whatever cannot be made out about
# a claim closes the attachment for everybody, and no client has a say in it.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeHost;
use HTTP::Tiny;
use JSON::PP;
use MIME::Base64;
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

sub martin
{
    import_records(record('285037512000151', authorisations => {
        $morel => $always, $petit => $always }, treating => [$leroy], @_));
}

martin();
import_records(record('172066912304538', authorisations => {
    $morel => $always }));

# Straight to the record host, behind the gateway's back.
sub host
{
    my ($method, $path, $body) = @_;

    my $r = HTTP::Tiny->new->request($method, 'http://' . backend_address()
        . "/fhir/$path", { headers => {
            Accept => 'application/fhir+json',
            'Content-Type' => 'application/fhir+json' },
            defined $body ? (content => encode_json($body)) : () });

    die "$method $path: $r->{status} $r->{content}\n" if !$r->{success};

    return eval { decode_json($r->{content}) };
}

sub document
{
    my ($id, $about, @urls) = @_;

    host(PUT => "DocumentReference/$id", { resourceType => 'DocumentReference',
        id => $id, status => 'current',
        subject => { reference => "Patient?identifier=$Ins|$about" },
        content => [map +{ attachment => { contentType => 'text/plain',
            url => $_ } }, @urls] });
}

sub content
{
    my ($id, $text) = @_;

    host(PUT => "Binary/$id", { resourceType => 'Binary', id => $id,
        contentType => 'text/plain', data => encode_base64($text, '') });
}

sub get
{
    my ($as, $path, %more) = @_;

    return request(as => $as, get => "/fhir/$path", %more);
}

# What the host answers to a search by attachments.
our $Fake;

sub about
{
    my ($id, $ins, @urls) = @_;

    return { resourceType => 'DocumentReference', id => $id,
        status => 'current',
        subject => { reference => "Patient?identifier=$Ins|$ins" },
        content => [map +{ attachment => { url => $_ } }, @urls] };
}

sub found
{
    my ($links, @documents) = @_;

    return FakeHost::json(encode_json({ resourceType => 'Bundle',
        type => 'searchset', link => $links,
        entry => [map +{ resource => $_ }, @documents] }));
}

sub fake
{
    my ($answer) = @_;

    $Fake = FakeHost->new('/fhir/DocumentReference' => $answer,
        '/fhir/DocumentReference/mine' => FakeHost::json(encode_json(
            about('mine', '285037512000151', 'Binary/x'))),
        '/fhir/Binary/x' => FakeHost::answer(200,
            { 'Content-Type' => 'text/plain' }, 'SECRET-BYTES'));

    return (backend => $Fake->{address},
        location => 'dmp_record_host fake-' . ++our $count . ';');
}

sub closed
{
    my ($name, @more) = @_;

    my $r = get('petit', 'Binary/x', @more);

    like($r->{status}, qr/^(?:404|502)\z/, $name);
    unlike($r->{body}, qr/SECRET/, 'nothing of it');
}

DMP::run();

__DATA__

=== TEST 1: of documents of one patient that have it, all must be allowed
--- code
content('shared', 'text');
document('martin-shared-1', '285037512000151', 'Binary/shared');
document('martin-shared-2', '285037512000151', 'Binary/shared');
is(get('petit', 'Binary/shared')->{status}, 200, 'both');
martin(masked => ['martin-shared-1']);
is(get('petit', 'Binary/shared')->{status}, 404, 'the first one masked');
martin(masked => ['martin-shared-2']);
is(get('petit', 'Binary/shared')->{status}, 404, 'the second one');
martin();
is(get('petit', 'Binary/shared')->{status}, 200, 'neither');



=== TEST 2: no second document opens what a masked one has
--- code
is(get('petit', 'Binary/martin-psychiatrie')->{status}, 404, 'masked');
document('martin-second', '285037512000151', 'Binary/martin-psychiatrie');
is(get('petit', 'DocumentReference/martin-second')->{status}, 200, 'a claim');
is(get('petit', 'Binary/martin-psychiatrie')->{status}, 404, 'opens nothing');
host(DELETE => 'DocumentReference/martin-second');



=== TEST 3: a claim of another patient's document closes it, and stands
--- code
content('stolen', 'of somebody else');
document('durand-owner', '172066912304538', 'Binary/stolen');
document('martin-thief', '285037512000151', 'Binary/stolen');
is(get('petit', 'DocumentReference/martin-thief')->{status}, 200, 'the claim');
is(get('petit', 'Binary/stolen')->{status}, 404, 'opens nothing');
is(get('morel', 'Binary/stolen')->{status}, 404, 'not for who may read both');
# the owner's document changes, or goes: the Binary is still theirs
content('left', 'of somebody else');
document('durand-left', '172066912304538', 'Binary/left');
is(get('morel', 'Binary/left')->{status}, 200, 'theirs');
document('durand-left', '172066912304538', 'Binary/other');
document('martin-heir', '285037512000151', 'Binary/left');
is(get('petit', 'Binary/left')->{status}, 404, 'replaced');
host(DELETE => 'DocumentReference/durand-left');
is(get('petit', 'Binary/left')->{status}, 404, 'deleted');
--- error_log
claimed by documents of two patients



=== TEST 4: the client's own name for the gateway decides nothing
--- code
content('named', 'of somebody else');
my $port = tls_port();
document('durand-named', '172066912304538', 'https://fhir.test/fhir/Binary/named');
document('martin-named', '285037512000151', 'Binary/named');
for my $host ("127.0.0.1:$port", 'fhir.test', 'localhost', 'evil.example', '[::1]',
    'evil.example:443', 'FHIR.test.')
{
    for my $http ('1.1', '2') {
        my $r = get('petit', 'Binary/named', http => $http,
            headers => ["Host: $host"]);
        like($r->{status}, qr/^4/, "HTTP/$http $host");
        unlike($r->{body}, qr/somebody else/, 'nothing of it');
    }
}



=== TEST 5: what a client sends does not reach the host with a question
--- code
content('quiet', 'text');
document('martin-quiet', '285037512000151', 'Binary/quiet');
my $seen = backend();
is(get('petit', 'Binary/quiet', headers => ['Cache-Control: max-results=1',
    'Pragma: x', 'X-Forwarded-Host: evil.example', 'X-Tenant: other',
    'Cookie: tenant=other'])->{status}, 200, 'read');
my ($question, $request) = (backend())[$seen, $seen + 1];
is_deeply([sort { $a cmp $b } map { lc $_->[0] } @{ $question->{headers} }],
    [qw(accept cache-control host)], 'the question');
my %h = map { lc $_->[0] => $_->[1] } @{ $question->{headers} };
is($h{'cache-control'}, 'no-cache', 'asks for what is there now');
%h = map { lc $_->[0] => $_->[1] } @{ $request->{headers} };
ok(!$h{$_}, "no $_ with the request") for qw(cache-control pragma
    x-forwarded-host x-tenant cookie);



=== TEST 6: a claim that cannot be read is a claim
--- code
content('odd', 'of somebody else');
document('martin-odd', '285037512000151', 'Binary/odd');
is(get('petit', 'Binary/odd')->{status}, 200, 'one claim');
document('durand-odd', '172066912304538', 'Binary/odd', map { "Binary/p$_" } 1 .. 16);
is(get('petit', 'Binary/odd')->{status}, 404, 'too many attachments');
host(PUT => 'DocumentReference/durand-odd', { %{ about('durand-odd',
    '172066912304538', 'Binary/odd') }, contained => [{
        resourceType => 'Observation', id => 'o' }] });
is(get('petit', 'Binary/odd')->{status}, 404, 'another resource in it');
host(PUT => 'DocumentReference/durand-odd', { %{ about('durand-odd', 'x',
    'Binary/odd') }, subject => { reference => 'Patient/durand' } });
is(get('petit', 'Binary/odd')->{status}, 404, 'it names nobody');



=== TEST 7: more claims than the host shows
--- dmp
fake(found([{ relation => 'next', url => 'DocumentReference?page=2' }],
    about('mine', '285037512000151', 'Binary/x')))
--- code
closed('a further page');



=== TEST 8: a host that ignores what it was asked
--- dmp
fake(found([], about('mine', '285037512000151', 'Binary/x'),
    about('other', '172066912304538', 'Binary/y')))
--- code
is(get('petit', 'DocumentReference/mine')->{status}, 200, 'the index knows it');
closed('not believed');
--- error_log
does not search documents by "location"



=== TEST 9: or refuses to say
--- dmp
fake(FakeHost::answer(429, {}, 'later'))
--- code
is(get('petit', 'DocumentReference/mine')->{status}, 200, 'the index knows it');
closed('too many requests');



=== TEST 10: what many documents of one patient claimed and claim no more
--- code
content('many', 'text');
document("martin-many-$_", '285037512000151', 'Binary/many') for 1 .. 12;
is(get('petit', 'Binary/many')->{status}, 200, 'twelve documents');
document("martin-many-$_", '285037512000151', 'Binary/other') for 2 .. 12;
is(get('petit', "DocumentReference/martin-many-$_")->{status}, 200, 'read')
    for 2 .. 12;
is(get('petit', 'Binary/many')->{status}, 200, 'one of them');



=== TEST 11: F19: a document that cannot be read is not told from none
--- code
document('durand-unread', '172066912304538', 'Binary/u', map { "Binary/q$_" } 1 .. 16);
my %answer = map { my $id = $_; $id => join '|', map {
        my $r = get('roux', "DocumentReference/$id");
        "$r->{status} " . $r->{body} =~ s/\Q$r->{headers}{'dmp-trace-id'}\E//r
    } 1 .. 2 } qw(durand-unread never-used);
is($answer{'durand-unread'}, $answer{'never-used'}, 'the same answer');



=== TEST 12: what somebody deposited does not act in a browser
--- code
host(PUT => 'Binary/page', { resourceType => 'Binary', id => 'page',
    contentType => 'text/html', data => encode_base64('<script>x</script>', '') });
document('martin-page', '285037512000151', 'Binary/page');
my $r = get('petit', 'Binary/page');
is($r->{status}, 200, 'read');
is($r->{headers}{'content-security-policy'}, "sandbox; default-src 'none'", 'inert');
is($r->{headers}{'content-disposition'}, 'attachment', 'and to be saved');



=== TEST 13: F7: an answer that was judged as UTF-8 leaves as UTF-8
--- dmp
$main::Fake = FakeHost->new('/fhir/DocumentReference/mine' => FakeHost::answer(200,
    { 'Content-Type' => 'application/fhir+json; charset=utf-16' },
    encode_json(about('mine', '285037512000151'))));
(backend => $main::Fake->{address}, location => 'dmp_record_host charset;')
--- code
my $r = get('petit', 'DocumentReference/mine');
is($r->{headers}{'content-type'}, 'application/fhir+json; charset=utf-8', 'type');



=== TEST 14: no patient's number enters the trace by a document's name
--- code
for my $about (['285037512000151', 'the patient\'s own'],
    ['172066912304538', 'another\'s'])
{
    my ($ins, $name) = @$about;
    host(PUT => 'DocumentReference/named', { %{ about('named',
        '285037512000151') }, masterIdentifier => { value => "T-$ins" },
        type => { coding => [{ system => 'urn:x', code => $ins }] } });
    my $mark = trace_mark();
    is(get('morel', 'DocumentReference/named')->{status}, 200, "$name: read");
    my ($entry) = trace($mark);
    my ($document) = @{ $entry->{body}{documents} };
    unlike(encode_json($entry->{body}), qr/$ins/, 'not in the trace');
    like($document->[0], qr/^[-_A-Za-z0-9]{22}\z/, 'which has its hash');
}
is(get('morel', 'DocumentReference/T-172066912304538')->{status}, 404, 'an id');
my ($entry) = (trace())[-1];
unlike(encode_json($entry->{body}), qr/172066912304538/, 'nor by what is asked');



=== TEST 15: a claim stands, however often somebody else asks
--- code
content('old', 'of somebody else');
document('durand-old', '172066912304538', 'Binary/old');
is(get('morel', 'DocumentReference/durand-old')->{status}, 200, 'known');
document('durand-old', '172066912304538', 'Binary/newer');
is(get('morel', 'DocumentReference/durand-old')->{status}, 200, 'known anew');
document('martin-old', '285037512000151', 'Binary/old');
is(get('petit', 'Binary/old')->{status}, 404, "time $_") for 1 .. 4;
is(get('petit', 'DocumentReference/martin-old')->{status}, 200, 'the claim');
is(get('petit', 'Binary/old')->{status}, 404, "time $_") for 5 .. 6;
--- error_log
nobody gets Binary/old



=== TEST 16: an address that nobody reads as the host's own is a claim as well
--- code
my $n = 0;
for my $url ('Binary/%s/_history/1', './Binary/%s', 'Binary/%s#x', 'Binary/%s?_format=json',
    '//fhir.test/fhir/Binary/%s', 'https://fhir.test:443/fhir/Binary/%s',
    'https://fhir.test:8080/fhir/Binary/%s', 'HTTPS://FHIR.TEST/fhir/Binary/%s',
    'http://x@fhir.test/other/Binary/%s', 'http://record_host/fhir/Binary/%s',
    'https://fhir.test./fhir/Binary/%s')
{
    my $id = 'spelt' . $n++;
    content($id, 'of somebody else');
    document("durand-$id", '172066912304538', sprintf $url, $id);
    # a document with such an address may be withheld; a search has shown it
    get('morel', "DocumentReference?patient.identifier=$main::Ins|172066912304538");
    get('morel', "DocumentReference/durand-$id");
    document("martin-$id", '285037512000151', "Binary/$id");
    my $r = get('petit', "Binary/$id");
    is($r->{status}, 404, sprintf $url, $id);
    unlike($r->{body}, qr/somebody else/, 'nothing of it');
    host(DELETE => "DocumentReference/durand-$id");
}
# what is of elsewhere claims nothing here
content('here', 'text');
document('durand-away', '172066912304538', 'https://elsewhere.example/fhir/Binary/here');
is(get('morel', 'DocumentReference/durand-away')->{status}, 200, 'of elsewhere');
document('martin-here', '285037512000151', 'Binary/here');
is(get('petit', 'Binary/here')->{status}, 200, 'and no claim');



=== TEST 17: a page that the host has cut, without a link
--- dmp
fake(FakeHost::json(encode_json({ resourceType => 'Bundle', type => 'searchset',
    total => 2, entry => [{ resource => about('mine', '285037512000151',
    'Binary/x') }] })))
--- code
closed('two of them, one sent');



=== TEST 18: what the store has lost is entered again
--- code
content('lost', 'text');
document('martin-lost', '285037512000151', 'Binary/lost');
my $keys = sub { return scalar grep { /^dmp:att:/ } @{ redis('KEYS', '*') } };
is(get('petit', 'Binary/lost')->{status}, 200, 'known');
wait_for { $keys->() } 'the claim';
redis('DEL', $_) for grep { /dmp:(?:att|doc):|:docs:/ } @{ redis('KEYS', '*') };
is($keys->(), 0, 'lost');
is(get('petit', 'Binary/lost')->{status}, 200, 'still read');
wait_for { $keys->() } 'the claim again';
pass('and entered again');
