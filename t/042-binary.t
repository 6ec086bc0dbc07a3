# TD3.2: what a document holds (Binary, document Bundle).  It is reached only
# through a document that the rules allow now; a Binary streams.

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

    return decode_json($r->{content});
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

# What the host received since, in short; "+" where it has a receipt.
sub received
{
    my ($from) = @_;

    my @all = backend();

    return map {
        my %h = map { lc $_->[0] => $_->[1] } @{ $_->{headers} };
        ($h{'dmp-trace-receipt'} ? '+' : '') . "$_->{method} "
            . ($_->{target} =~ s{^/fhir/|(?<=location=).*}{}gr);
    } @all[$from .. $#all];
}

# Which commands the store ran for what the code does, but for its functions
# (outcomes and checkpoints come when they come) and what runs inside them.
sub commands
{
    my ($code) = @_;

    my %calls;
    my $stats = sub {
        return { redis('INFO', 'commandstats')
            =~ /^cmdstat_(\S+?):calls=(\d+)/mg };
    };

    my $before = $stats->();
    $code->();
    my $after = $stats->();

    for my $name (sort { $a cmp $b } CORE::keys %$after) {
        next if $name =~ /^(?:info|hget|xadd|hset|hdel|hgetall|time|exists|rpush|llen)$/;
        my $n = $after->{$name} - ($before->{$name} // 0);
        $calls{$name} = $n if $n;
    }

    delete $calls{fcall};

    return \%calls;
}

our $Pdf = decode_base64(host(GET => 'Binary/martin-consultation-1')->{data});

# A host with one document and what it holds, for faults.
our $Fake;

sub fake_document
{
    my ($id) = @_;

    return FakeHost::json(encode_json({ resourceType => 'DocumentReference',
        id => $id, status => 'current',
        subject => { reference => "Patient?identifier=$Ins|285037512000151" },
        content => [{ attachment => { contentType => 'text/plain',
            url => "Binary/$id" } }] }));
}

# All of them, or the one that has the attachment.
sub fake_search
{
    my (@ids) = @_;

    return sub {
        my ($id) = $_[0] =~ m{location=Binary/([a-z]+)};

        return FakeHost::json(encode_json({ resourceType => 'Bundle',
            type => 'searchset', entry => [map +{ resource => {
                resourceType => 'DocumentReference', id => $_,
                status => 'current', subject => { reference =>
                    "Patient?identifier=$Ins|285037512000151" },
                content => [{ attachment => { url => "Binary/$_" } }] } },
            grep { !defined $id || $_ eq $id } @ids] }));
    };
}

our %Answers = (
    gzip => FakeHost::answer(200, { 'Content-Type' => 'application/pdf',
        'Content-Encoding' => 'gzip' }, 'SECRET-BYTES'),
    part => FakeHost::answer(206, { 'Content-Type' => 'application/pdf',
        'Content-Range' => 'bytes 0-5/12' }, 'SECRET'),
    nothing => [[send => "HTTP/1.1 204 No Content\r\n\r\n"]],
    same => [[send => "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"]],
    broken => FakeHost::answer(500, { 'Content-Type' => 'text/plain' },
        'SECRET-BYTES of the error'),
    upgrade => [[send => "HTTP/1.1 101 Switching Protocols\r\n"
        . "Upgrade: x\r\nConnection: upgrade\r\n\r\nSECRET-BYTES"]],
    moved => FakeHost::answer(302, { Location => 'http://127.0.0.1:1/SECRET' },
        'SECRET-BYTES'),
    gone => FakeHost::answer(410, {}, 'SECRET-BYTES'),
    short => [[send => "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
        . "Content-Length: 100\r\n\r\nbut few"], ['close']],
    fine => FakeHost::answer(200, { 'Content-Type' => 'text/plain',
        'Set-Cookie' => 'SECRET=1', 'ETag' => '"1"', 'X-Host' => 'SECRET',
        'Content-Disposition' => 'inline; filename="SECRET"',
        'Accept-Ranges' => 'bytes', 'Cache-Control' => 'public' },
        'what it holds'),
);

DMP::run();

__DATA__

=== TEST 1: reached by its own address, once it is known whose it is
--- code
my $path = 'Binary/martin-consultation-1';
my @question = 'GET DocumentReference?location=';
for my $time (1 .. 3) {
    my ($seen, $mark) = (scalar(backend()), trace_mark());
    my $r = get('petit', $path, http => $time == 3 ? '2' : '1.1');
    is("$r->{status} $r->{headers}{'content-type'}", '200 application/pdf',
        "time $time");
    ok($r->{body} eq $main::Pdf, 'the host\'s own bytes');
    is_deeply([received($seen)], [@question, "+GET $path"],
        "time $time: what the host received");
    my ($entry, @more) = trace($mark);
    is(scalar @more, 0, "time $time: one entry");
    my $b = $entry->{body};
    is("$b->{decision} $b->{rule} $b->{operation} $b->{transaction} $b->{route}",
        'allow G1 read TD3.2 Binary/{id}', 'trace');
    is_deeply($b->{documents}, [['urn:oid:1.2.250.1.213.1.4.8.99999.1.1',
        '11488-4']], 'the document in the trace');
}



=== TEST 2: a host that does not search by attachments: what a search has shown
--- dmp
$main::Fake = FakeHost->new(
    '/fhir/DocumentReference' => FakeHost::answer(400, {}, 'no such parameter'),
    '/fhir/DocumentReference/_search' => fake_search('fine'),
    '/fhir/DocumentReference/fine' => fake_document('fine'),
    '/fhir/Binary/fine' => $main::Answers{fine});
(backend => $main::Fake->{address},
    location => 'dmp_record_host no-location attachments=index;')
--- code
is(get('petit', 'Binary/fine')->{status}, 404, 'unknown: nobody\'s');
my $r = request(as => 'petit', post => '/fhir/DocumentReference/_search',
    body => "patient.identifier=$main::Ins|285037512000151",
    headers => ['Content-Type: application/x-www-form-urlencoded']);
is($r->{status}, 200, 'a search shows it');
$r = get('petit', 'Binary/fine');
is("$r->{status} $r->{body}", '200 what it holds', 'known');
my @asked = map { m{^(\S+ /fhir/[^? ]*)} } $main::Fake->requests;
is_deeply([@asked[-2, -1]], ['GET /fhir/DocumentReference/fine',
    'GET /fhir/Binary/fine'], 'by its document, as it is now');
ok(!(grep { m{/DocumentReference\z} } @asked), 'and never by a search');



=== TEST 21: without being told, that is an error, not a guess
--- dmp
$main::Fake = FakeHost->new(
    '/fhir/DocumentReference' => FakeHost::answer(400, {}, 'no such parameter'),
    '/fhir/DocumentReference/fine' => fake_document('fine'),
    '/fhir/Binary/fine' => $main::Answers{fine});
(backend => $main::Fake->{address}, location => 'dmp_record_host no-location-2;')
--- code
is(get('petit', 'DocumentReference/fine')->{status}, 200, 'the index knows it');
my $r = get('petit', 'Binary/fine');
is("$r->{status} $r->{json}{issue}[0]{details}{coding}[0]{code}",
    '502 answer-unchecked', 'and that is not enough');
--- error_log
does not search documents by "location": see attachments=index of dmp_record_host



=== TEST 3: as FHIR JSON, and as another type
--- code
my $r = get('petit', 'Binary/martin-consultation-1',
    headers => ['Accept: application/fhir+json']);
like($r->{headers}{'content-type'}, qr{^application/fhir\+json}, 'JSON');
is(decode_base64($r->{json}{data}), $main::Pdf, 'with its bytes');
for my $accept ('application/pdf', '*/*', 'text/xml', 'application/xml') {
    my $seen = backend();
    $r = get('petit', 'Binary/martin-consultation-1',
        headers => ["Accept: $accept"]);
    is($r->{status}, 200, $accept);
    my %h = map { lc $_->[0] => $_->[1] } @{ (backend())[-1]{headers} };
    is($h{accept}, $accept, 'the host is asked for that');
}
my $seen = backend();
is(get('petit', 'Binary/martin-consultation-1', headers => [
    'Accept: application/fhir+xml'])->{status}, 406, 'FHIR in XML');
is_deeply([received($seen)], [], 'is not asked for');
is(get('petit', 'Binary/martin-hospitalisation')->{headers}{'content-type'},
    'text/xml', 'a document in XML is one');



=== TEST 4: F19: what is hidden is not told from what is not there
--- code
content('alone', 'that no document has');
my @cases = (
    ['petit', 'never-used', 'H1 document-foreign'],
    ['petit', 'alone', 'H1 document-foreign'],
    ['petit', 'martin-psychiatrie', 'H3 masked'],
    ['roux', 'martin-consultation-1', 'G1 not-authorised'],
    ['petit', 'bernard-consultation-1', 'C1 record-absent'],
);
my (%body, %head);
for my $case (@cases) {
    my ($as, $id, $want) = @$case;
    for my $http ('1.1', '2', '1.1') {
        my $mark = trace_mark();
        my $r = get($as, "Binary/$id", http => $http);
        is($r->{status}, 404, "$id - status");
        my ($entry) = trace($mark);
        my $b = $entry->{body};
        is("$b->{decision} $b->{rule} $b->{reason}", "deny $want", "$id - trace");
        my $trace = $r->{headers}{'dmp-trace-id'};
        $body{ $r->{body} =~ s/\Q$trace\E/ID/gr } = $id;
        my $names = join "\n", $r->{head} =~ /^([^:\r\n]+):/mg;
        $head{"$http $names"} = $id;
    }
}
is(scalar(CORE::keys %body), 1, 'one body, but for the trace id')
    or diag join "\n", CORE::keys %body;
is(scalar(CORE::keys %head), 2, 'the same headers, for each protocol');
is(get('morel', 'Binary/martin-psychiatrie')->{status}, 200, 'its author');
is(get('leroy', 'Binary/martin-psychiatrie')->{status}, 200, 'the treating one');



=== TEST 5: F19: and costs the same work
--- code
# all of them asked for before: what can be known is known
get('petit', $_) for 'Binary/martin-psychiatrie',
    'DocumentReference/martin-psychiatrie', 'Binary/nobodys';
for my $type ('Binary', 'DocumentReference') {
    my (%work, %asked);
    for my $id ('martin-psychiatrie', 'never-used-1', 'martin-psychiatrie',
        'never-used-2')
    {
        my $seen = backend();
        my $kind = $id =~ /never/ ? 'absent' : 'hidden';
        $work{$kind} = commands(sub {
            is(get('petit', "$type/$id")->{status}, 404, "$type/$id");
        });
        $asked{$kind} = received($seen);
    }
    is_deeply($work{hidden}, $work{absent}, "$type: commands of the store")
        or diag explain \%work;
    is($asked{hidden}, $asked{absent}, "$type: questions to the host");
    is($asked{hidden}, 1, "$type: one");
}



=== TEST 6: what the patient masks or withdraws holds for the next request
--- code
is(get('petit', 'Binary/martin-consultation-2')->{status}, 200, 'shown');
martin(masked => ['urn:oid:1.2.250.1.213.1.4.8.99999.1.2']);
is(get('petit', 'Binary/martin-consultation-2')->{status}, 404, 'masked');
is(get('petit', 'Binary/martin-consultation-1')->{status}, 200, 'not the other');
martin(authorisations => {});
is(get('petit', 'Binary/martin-consultation-1')->{status}, 404, 'withdrawn');
martin();
is(get('petit', 'Binary/martin-consultation-2')->{status}, 200, 'given back');



=== TEST 7: what is masked at the host, behind the gateway's back, is masked
--- code
my $id = 'martin-consultation-3';
is(get('petit', "Binary/$id")->{status}, 200, 'shown');
my $document = host(GET => "DocumentReference/$id");
host(PUT => "DocumentReference/$id", { %$document, securityLabel => [{
    coding => [{ system => 'http://terminology.hl7.org/CodeSystem/'
        . 'v3-Confidentiality', code => 'MASQUE_PS' }] }] });
my $seen = backend();
is(get('petit', "Binary/$id")->{status}, 404, 'masked');
is_deeply([received($seen)], ['GET DocumentReference?location='],
    'asked, not given');
host(PUT => "DocumentReference/$id", $document);
is(get('petit', "Binary/$id")->{status}, 200, 'shown again');



=== TEST 8: a document that no longer has it opens it no more
--- code
content('loose', 'text');
document('martin-loose', '285037512000151', 'Binary/loose');
is(get('petit', 'Binary/loose')->{body}, 'text', 'opened');
document('martin-loose', '285037512000151', 'Binary/other');
is(get('petit', 'Binary/loose')->{status}, 404, 'closed');



=== TEST 11: a document that turns out to be another's takes it along
--- code
content('moving', 'text');
document('martin-carrier', '285037512000151', 'Binary/moving');
is(get('petit', 'Binary/moving')->{status}, 200, 'shown');
document('martin-carrier', '172066912304538', 'Binary/moving');
is(get('petit', 'Binary/moving')->{status}, 404, 'not to whom it is no more');
is(get('morel', 'Binary/moving')->{status}, 200, 'but to the other\'s doctor');



=== TEST 12: an address of the host's own is one of ours
--- code
my $r = get('petit', 'DocumentReference/martin-biologie-2');
my ($url) = map { $_->{attachment}{url} } @{ $r->{json}{content} };
is($url, 'https://127.0.0.1:' . tls_port() . '/fhir/Binary/martin-biologie-2',
    'in the document');
unlike($r->{body}, qr/record_host|\Q${\ backend_address()}/, 'nor any other');
is(get('petit', 'Binary/martin-biologie-2')->{status}, 200, 'and leads there');
--- dmp
location => 'dmp_record_host martin-host base=http://' . backend_address()
    . '/fhir;'



=== TEST 13: inline content goes with its document
--- code
my $r = get('petit', 'DocumentReference/martin-vaccination');
is($r->{status}, 200, 'read');
like($r->{body}, qr/"data":"[A-Za-z0-9+\/]{20}/, 'with its content');



=== TEST 14: F5, F11: ranges and conditions reach nobody
--- code
my $seen = backend();
my $r = get('petit', 'Binary/martin-consultation-1', headers => [
    'Range: bytes=0-9', 'If-Range: "1"', 'If-None-Match: W/"1"',
    'If-Modified-Since: Sun, 01 Jan 2040 00:00:00 GMT', 'Accept-Encoding: gzip']);
is($r->{status}, 200, 'the whole');
ok($r->{body} eq $main::Pdf, 'of it');
for my $got ((backend())[$seen .. $seen + 1]) {
    my %h = map { lc $_->[0] => 1 } @{ $got->{headers} };
    ok(!$h{$_}, "$got->{target}: no $_") for qw(range if-range if-none-match
        if-modified-since accept-encoding);
}
is($r->{headers}{$_}, undef, "no $_") for qw(etag last-modified accept-ranges);



=== TEST 15: F3: HEAD of what streams is asked for as HEAD
--- code
my $seen = backend();
my $r = request(as => 'petit', head => '/fhir/Binary/martin-consultation-1');
is($r->{status}, 200, 'there');
is($r->{headers}{'content-length'}, length $main::Pdf, 'its length');
is((received($seen))[-1], '+HEAD Binary/martin-consultation-1', 'HEAD');
my %head = map { $_ => request(as => 'petit', head => "/fhir/Binary/$_")->{head}
    =~ s/[0-9a-f]{8}-[-0-9a-f]+|Date: [^\r]*//gr }
    qw(never-used martin-psychiatrie);
is($head{'never-used'}, $head{'martin-psychiatrie'}, 'F19: HEAD tells nothing');



=== TEST 16: F5, F6, F10, F15: what the host answers instead of its content
--- dmp
$main::Fake = FakeHost->new(
    '/fhir/DocumentReference' => fake_search(CORE::keys %main::Answers),
    map { ("/fhir/DocumentReference/$_" => fake_document($_),
        "/fhir/Binary/$_" => $main::Answers{$_}) } CORE::keys %main::Answers);
(backend => $main::Fake->{address})
--- code
for my $name (sort CORE::keys %main::Answers) {
    next if $name =~ /^(?:fine|short|gone)$/;
    my $r = get('petit', "Binary/$name");
    is($r->{status}, 502, "$name: 502");
    is($r->{json}{issue}[0]{details}{coding}[0]{code}, 'answer-unchecked',
        "$name: says why");
    unlike("$r->{head}$r->{body}", qr/SECRET/, "$name: nothing of it");
}
my $r = get('petit', 'Binary/gone');
is($r->{status}, 404, 'gone: like any other');
unlike("$r->{head}$r->{body}", qr/SECRET/, 'nothing of it');
$r = get('petit', 'Binary/short');
is($r->{curl}, 18, 'a part is not passed off as the whole');
$r = get('petit', 'Binary/fine');
is("$r->{status} $r->{body}", '200 what it holds', 'F17: what it holds');
unlike($r->{head}, qr/SECRET|etag|accept-ranges|public/i, 'and its type alone');
is($r->{headers}{'cache-control'}, 'no-store', 'F11: not to be kept');
is($r->{headers}{'x-content-type-options'}, 'nosniff', 'nor to be guessed at');
my $get = sub { "GET /fhir/Binary/$_[0] HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    . ($_[1] // '') . "\r\n" };
my $answer = request_raw('petit', $get->('short')
    . $get->('fine', "Connection: close\r\n"));
is(() = $answer =~ m{HTTP/1\.1 }g, 1, 'F16: nothing follows on that connection');
--- error_log
cannot check the record host's answer



=== TEST 161: A3, F14: what a redirect inside nginx leads to is not its content
--- dmp
$main::Fake = FakeHost->new(
    '/fhir/DocumentReference' => fake_search('sent', 'here'),
    '/fhir/DocumentReference/sent' => fake_document('sent'),
    '/fhir/DocumentReference/here' => fake_document('here'),
    '/fhir/Binary/sent' => FakeHost::answer(200, { 'Content-Type' =>
        'text/plain', 'X-Accel-Redirect' => '/files/secret' }, 'x'),
    '/files/secret' => FakeHost::answer(200, { 'Content-Type' => 'text/plain' },
        'SECRET-BYTES'));
(backend => $main::Fake->{address}, location => 'dmp_record_host accel;',
    server => 'location /files/ { internal; proxy_pass http://record_host; }')
--- code
my $r = get('petit', 'Binary/sent');
is($r->{status}, 502, 'refused');
unlike("$r->{head}$r->{body}", qr/SECRET/, 'nothing of it');
--- error_log
a redirect inside nginx led elsewhere



=== TEST 163: B6: the client leaves while the host is waited for
--- dmp
$main::Fake = FakeHost->new(
    '/fhir/DocumentReference' => fake_search('slow'),
    '/fhir/DocumentReference/slow' => fake_document('slow'),
    '/fhir/Binary/slow' => [[wait => 1], @{ $main::Answers{fine} }]);
(backend => $main::Fake->{address}, location => 'dmp_record_host slow;'
    . ' proxy_ignore_client_abort on;')
--- code
my ($worker) = worker_pids();
for my $http ('1.1', '2', '1.1', '2') {
    my $r = get('petit', 'Binary/slow', http => $http, seconds => 0.3);
    is($r->{curl}, 28, "HTTP/$http: the client has left");
}
is(get('petit', 'Binary/slow')->{body}, 'what it holds', 'served');
is((worker_pids())[0], $worker, 'by the same worker');



=== TEST 162: D1, D4: a location that is joined to the host otherwise than it reads
--- dmp
locations => 'location /fhir { dmp on; dmp_resource fhir; dmp_record_host joined;'
    . ' proxy_pass http://record_host/fhir/; }'
--- code
for my $path ('DocumentReference/martin-consultation-1', 'metadata') {
    my $r = get('petit', $path);
    is($r->{status}, 502, "$path: refused");
    unlike($r->{body}, qr/martin|Capability/, 'nothing of it');
}
--- error_log
see the location and its proxy_pass



=== TEST 17: F2: it streams, whatever dmp_max_answer_size is
--- dmp
location => 'dmp_max_answer_size 16k;'
--- code
my $text = join '', map { chr 33 + $_ % 90 } 1 .. 3_000_000;
content('large', $text);
document('martin-large', '285037512000151', 'Binary/large');
for my $http ('1.1', '2') {
    my $r = get('petit', 'Binary/large', http => $http);
    is("$r->{status} " . length $r->{body}, '200 3000000', "HTTP/$http");
    ok($r->{body} eq $text, 'all of it');
}



=== TEST 18: a FHIR document is read whole, if it says nothing else
--- code
my $want = host(GET => 'Bundle/martin-synthese');
my $r = get('petit', 'Bundle/martin-synthese');
is($r->{status}, 200, 'read');
is_deeply($r->{json}, $want, 'whole');
is(get('roux', 'Bundle/martin-synthese')->{status}, 404, 'not by everybody');
my $about = sub { [{ use => 'official', system => $main::Ins, value => $_[0] }] };
for my $entry (@{ $want->{entry} }) {
    $entry->{resource}{identifier} = $about->('172066912304538')
        if $entry->{resource}{resourceType} eq 'Patient';
}
host(PUT => 'Bundle/martin-synthese', $want);
my $mark = trace_mark();
$r = get('petit', 'Bundle/martin-synthese');
is($r->{status}, 404, 'one about somebody else is not');
unlike($r->{body}, qr/172066912304538/, 'nothing of it');
host(PUT => 'Bundle/martin-synthese', { %$want, type => 'collection' });
is(get('petit', 'Bundle/martin-synthese')->{status}, 502, 'nor what is none');
--- error_log
it is not that FHIR document



=== TEST 19: an INS in the place of an id does not enter the trace
--- as: petit
--- get: /fhir/Binary/285037512000151
--- status: 404
--- trace
body.operation = read
body.documents.0.0 ~ ^[-_A-Za-z0-9]{22}$
