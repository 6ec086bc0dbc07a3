# Requests of the API that are none or that say two things, in every way they
# could; those that are one, written otherwise; several on one connection.  What
# is refused changes nothing and tells nobody; what it named stands nowhere in
# clear.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use Emergency qw(in_words store_bytes);
use IO::Compress::Gzip ();
use Rights qw($Martin $Durand $Petit $Roux $Leroy $System $Record $Json day
    granted set_record versions gateway api is_answer watched refused made);
use Test::More;

gateway(redis_address());

DMP::run();

__DATA__

=== TEST 1: a request that is none, or that says two things
--- dmp
(location => 'dmp_record_host demo;', server => 'location /api/ { dmp_api;'
    . ' client_max_body_size 0; dmp_max_target_size 1k; }')
--- code
set_record(treating => [$Leroy], authorisations => { $Petit => granted() });
my $own = "$Record/authorisations/$Petit";
my $block = "$Record/blocks/$Roux";
my $consent = '{"consent":true}';
my ($unknown, $ambiguous) = ('400 B1 operation-unknown',
    '400 B1 request-ambiguous');
my $media = '415 B1 operation-unknown';
my $large = '413 B1 request-ambiguous';
my $gzip;
IO::Compress::Gzip::gzip(\$consent => \$gzip);
my @cases = (
    # paths
    [$unknown, GET => '/api/other'],
    [$unknown, GET => '/api/records'],
    [$unknown, GET => '/api/record/' . $Martin],
    [$unknown, GET => "/api/Records/$Martin"],
    [$unknown, PUT => "$Record/authorisations"],
    [$unknown, PUT => "$Record/blocks"],
    [$unknown, PUT => "$Record/nothing"],
    [$unknown, PUT => "$block/more"], [$unknown, PUT => "$block/"],
    [$unknown, PUT => "$Record/status/open"],
    [$unknown, PUT => "$Record/emergency/masked"],
    [$ambiguous, GET => "$Record/"],
    [$ambiguous, PUT => "$Record//blocks/$Roux"],
    [$ambiguous, PUT => "$Record/masks/%2e%2e"],
    [$ambiguous, PUT => "$Record/masks/.."],
    [$ambiguous, PUT => "$Record/masks/a%2F..%2Fb"],
    [$ambiguous, PUT => "$Record/masks/%c3%a9"],
    [$ambiguous, PUT => "$Record/masks/%0a"],
    [$ambiguous, PUT => "$Record/masks/%7f"],
    [$ambiguous, PUT => "$Record/masks/" . 'x' x 257],
    [$ambiguous, PUT => "$Record/masks/a;b"],
    [$ambiguous, PUT => "$Record/masks/a+b"],
    # methods
    [$unknown, POST => $Record, ''], [$unknown, DELETE => $Record],
    [$unknown, PUT => $Record, $consent], [$unknown, GET => $block],
    [$unknown, POST => $block, ''], [$unknown, PATCH => $own, $consent],
    [$unknown, DELETE => "$Record/status"], [$unknown, GET => "$Record/masks"],
    # queries
    [$ambiguous, GET => "$Record?x=1"], [$ambiguous, PUT => "$block?"],
    [$ambiguous, GET => "$Record?_format=xml"],
    # whose, and whom
    ['400 B2 ins-invalid', GET => '/api/records/285037512000152'],
    ['400 B2 ins-invalid', GET => '/api/records/2850375120001'],
    ['400 B2 ins-invalid', GET => '/api/records/168112a00405781'],
    ['400 B2 ins-invalid', PUT => "/api/records/x/blocks/$Roux"],
    ['400 B2 ins-invalid', PUT => "/api/records/ME/blocks/$Roux"],
    [$ambiguous, GET => '/api/records/me'],
    [$ambiguous, PUT => "/api/records/me/blocks/$Roux"],
    [$ambiguous, PUT => "$Record/blocks/99700451273"],
    [$ambiguous, PUT => "$Record/blocks/1750712184"],
    [$ambiguous, PUT => "$Record/treating/1750712184"],
    [$ambiguous, PUT => "$Record/blocks/$Durand"],
    [$ambiguous, PUT => "$Record/blocks/me"],
    [$ambiguous, PUT => "$Record/authorisations/99700314422", $consent],
    [$ambiguous, PUT => "$Record/authorisations/x", $consent],
    [$ambiguous, PUT => "$Record/authorisations/$Durand", $consent],
    # a body where there is none, none where there is one
    [$ambiguous, PUT => $block, $consent], [$ambiguous, DELETE => $block, '{}'],
    [$ambiguous, GET => $Record, '{}'], [$ambiguous, DELETE => $own, $consent],
    [$ambiguous, PUT => "$Record/masks/martin-consultation-1", '{}'],
    [$ambiguous, PUT => "$Record/status"], [$ambiguous, PUT => "$Record/masks"],
    [$ambiguous, PUT => "$Record/emergency"],
    [$ambiguous, PUT => "$Record/status", ''],
    # of another type
    [$media, PUT => $own, $consent, ['Content-Type:']],
    [$media, PUT => $own, $consent, ['Content-Type: text/plain']],
    [$media, PUT => $own, $consent, ['Content-Type: application/fhir+json']],
    [$media, PUT => $own, $consent, ['Content-Type: application/x-www-form-urlencoded']],
    [$media, PUT => $own, $consent, ['Content-Type: application/json; charset=utf-16']],
    [$media, PUT => $own, $gzip, [$Json, 'Content-Encoding: gzip']],
    [$media, PUT => $own, $consent, [$Json, 'Content-Encoding: br']],
    ['406 B1 operation-unknown', GET => $Record, undef, ['Accept: text/html']],
    ['406 B1 operation-unknown', PUT => $own, $consent, [$Json, 'Accept: application/xml']],
    # of another shape
    (map { [$ambiguous, PUT => $own, $_] }
        '{"consent":true,"consent":true}', '{"consent":true,"consent":false}',
        '{"consent":true,"until":"2096-01-01","x":1}', '{"Consent":true}',
        '{"consent":"true"}', '{"consent":1}', '{"consent":null}',
        '{"consent":true,"until":20960101}', '{"consent":true,"until":null}',
        '{"consent":true,"until":"2026-02-30"}',
        '{"consent":true,"until":"2026-2-3"}', '{"consent":true,"until":""}',
        '{"consent":true,"until":"2096-01-01T00:00:00Z"}',
        '{"consent":true,"until":"1970-01-01"}',
        '{"consent":true} x', '{"consent":true}{}', '{"consent":tru', '[]',
        '[{"consent":true}]', 'true', '""', 'null', ' ', "{\"consent\":true}\0",
        "{\"consent\":true,\"\xff\":1}", '{"consent":true,}',
        "{'consent':true}", "\xef\xbb\xbf{\"consent\":true}",
        '[' x 2000 . ']' x 2000),
    (map { [$ambiguous, PUT => "$Record/emergency", $_] }
        '{}', '{"masked":1}', '{"bris_de_glace":"yes"}', '{"centre_15":null}',
        '{"centre15":true}'),
    (map { [$ambiguous, PUT => "$Record/status", $_] }
        '{}', '{"status":"Open"}', '{"status":true}', '{"status":""}',
        '{"status":"closed","why":"x"}', '"closed"'),
    (map { [$ambiguous, PUT => "$Record/masks", $_] }
        '{}', '{"mask_by_default":1}', '{"mask_by_default":null}',
        '{"mask_by_default":true,"masked":[]}'),
    # larger than anything that is asked here
    [$large, PUT => $own, '{"consent":true}' . ' ' x 4096],
    [$large, PUT => $own, '{"consent":true}' . ' ' x 3_000_000],
    [$large, PUT => $own, $consent, [$Json, 'Transfer-Encoding: chunked']],
    [$large, GET => '/api/records/' . 'x' x 1024],
    # headers of ours
    [$ambiguous, GET => $Record, undef, ['DMP-Access-Mode: other']],
    [$ambiguous, GET => $Record, undef, ['DMP-Other: 1']],
    [$ambiguous, GET => $Record, undef, ['DMP-Justification: %']],
    [$large, GET => $Record, undef, ['DMP-Justification: ' . 'x' x 4097]],
);
for my $i (0 .. $#cases) {
    my ($want, $method, $path, $body, $headers) = @{ $cases[$i] };
    my $name = join ' ', $want, $method, $path =~ s{/api/records}{}r,
        map { s/[^ -~]/?/gr } grep { defined } $body;
    refused(substr($name, 0, 90), $want, $path =~ /$Petit/ ? 'petit' : 'leroy',
        $method => $path, $body, headers => $headers // [],
        http => $i % 2 ? '2' : '1.1');
}
for my $path ("$Record/masks/%", "$Record/blocks/899700%zz1273",
    "$Record/blocks/$Roux%00")
{
    my $w = watched(sub { api('leroy', PUT => $path) });
    is($w->{r}{status}, 400, 'nginx itself refuses what is no path');
    is_deeply([$w->{moved}, $w->{entries}], [[], []], 'it comes to nobody');
}
verify_trace();
pass('the trace is whole');



=== TEST 2: what is one, written otherwise
--- code
set_record(treating => [$Leroy]);
my $own = "$Record/authorisations/$Petit";
for my $case (
    [{}, "\n{ \"until\" : \"@{[ day(10) ]}\",\t\"consent\":true }\r\n"],
    [{}, '{"\u0063onsent":true}'],
    [{ headers => ['Content-Type: application/json; charset=utf-8'] }, '{"consent":true}'],
    [{ headers => ['content-type: Application/JSON'] }, '{"consent":true}'],
    [{ headers => ['Accept: application/json'] }, '{"consent":true}'],
    [{ headers => ['Accept: text/html, */*;q=0.1'] }, '{"consent":true}'],
    [{ headers => ['Content-Encoding: identity'] }, '{"consent":true}'],
    [{ headers => ['DMP-Access-Mode: normal'] }, '{"consent":true}'],
    [{}, '{"consent":true}' . ' ' x (4096 - 16)],
    [{ http => '2' }, '{"consent":true}'],
    [{ http => '1.0' }, '{"consent":true}'])
{
    my ($more, $body) = @$case;
    api('petit', DELETE => $own);
    made(substr($body =~ s/\s+/ /gr, 0, 60), "rights authorise $Petit", 1,
        'petit', PUT => $own, $body, %$more);
}
my $escaped = $Petit =~ s/(.)/sprintf '%%%02x', ord $1/ger;
made('with escapes', "rights withdraw $Petit", 1, 'petit',
    DELETE => "/api/records/%32" . substr($Martin, 1) . "/authorisations/$escaped");
is(api('petit', GET => "/%61pi/records/$Martin")->{status}, 400,
    'but for the base, which is one of ours');



=== TEST 3: HTTP/1.1: what follows on the connection is another request
--- code
set_record(treating => [$Leroy]);
my $put = sub { "PUT $Record/authorisations/$Petit HTTP/1.1\r\nHost: x\r\n"
    . "Content-Type: application/json\r\nContent-Length: " . length($_[0])
    . "\r\n" . ($_[1] // '') . "\r\n$_[0]" };
my $answer = request_raw('petit', join '', $put->('{"consent":true}'),
    $put->('{"consent":false}'), $put->('{"consent":true', "Expect: x\r\n"),
    "GET $Record HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
is(join(' ', $answer =~ m{^HTTP/1\.1 (\d+)}mg), '200 403 400 200', 'each its own');
like($answer, qr/"authorisation":"VALIDE"/, 'and the last sees the first');
my $before = versions();
$answer = request_raw('petit', "PUT $Record/authorisations/$Petit HTTP/1.1\r\n"
    . "Host: x\r\nContent-Type: application/json\r\nContent-Length: 16\r\n"
    . "Content-Length: 16\r\n\r\n{\"consent\":true}");
like($answer, qr{^HTTP/1\.1 400}, 'two lengths');
is_deeply(versions(), $before, 'make no change');
--- error_log
client sent duplicate header line



=== TEST 4: a condition: no change has one, and no answer is left out for it
--- code
set_record(treating => [$Leroy]);
my $own = "$Record/authorisations/$Petit";
my $check = "/fhir/Patient?identifier=$System|$Martin";
my $date = 'Thu, 01 Jan 2015 00:00:00 GMT';
for my $condition ('If-Match: *', 'If-Match: "1"', 'If-Match: W/"1"', 'If-None-Match: *',
    'If-None-Match: "1"', 'If-Unmodified-Since: ' . $date, 'If-Modified-Since: ' . $date,
    'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT', 'If-Match: x', 'if-none-match: ""')
{
    for my $http ('1.1', '2') {
        my %more = (headers => [$condition], http => $http);
        refused("HTTP/$http: $condition: $_->[0] $_->[1]", '400 B1 request-ambiguous', @$_, %more)
            for ['leroy', PUT => "$Record/blocks/$Roux", undef], ['petit', DELETE => $own, undef],
                ['petit', PUT => $own, '{"consent":true}'], ['leroy', PUT => "$Record/masks/x", undef];
        for my $target ($Record, $check) {
            my $w = watched(sub { api('roux', GET => $target, undef, %more) });
            my $r = $w->{r};
            is($r->{status}, 200, "HTTP/$http: $condition: GET is answered");
            is_answer($r, $condition, $target eq $Record ? 'application/json'
                : 'application/fhir+json');
            ok($r->{json}, 'whole');
            is($w->{entries}[-1]{body}{decision}, 'allow', 'and traced');
        }
        my $r = api('roux', HEAD => $Record, undef, %more);
        is($r->{status}, 200, "HTTP/$http: $condition: HEAD is answered");
    }
}



=== TEST 5: words that nobody knows may be a name or a number: not in clear
--- code
set_record(treating => [$Leroy]);
my @words = ('Jeanne MARTIN 1985-03-02', $Martin, "x$Martin", substr($Martin, 0, 13),
    'jeanne.martin-1985', 'urn:oid:1.2.9999.1');
for my $words (@words) {
    for my $method (qw(PUT DELETE)) {
        my (undef, $entry) = refused("$method $words", '404 H1 document-foreign', 'leroy',
            $method => "$Record/masks/" . $words =~ s/ /%20/gr);
        like($entry->{documents}[0][0], qr/^[\w-]{22}\z/, 'a hash stands for them');
    }
}
my $id_of = sub {
    my ($path) = @_;
    my $mark = trace_mark();
    is(api('leroy', GET => "/fhir/$path")->{status}, 404, "$path: not found");
    return (trace($mark))[-1]{body}{documents}[0][0];
};
my ($read, $again) = map { $id_of->('DocumentReference/2850375120001') } 1, 2;
like($read, qr/^[\w-]{22}\z/, 'a number on the FHIR path, too');
is($again, $read, 'the same for the same');
isnt($id_of->('DocumentReference/2850375120002'), $read, 'another for another');
is($id_of->('DocumentReference/never-used.1'), 'never-used.1', 'a plain id stands as it is');
my $bytes = store_bytes();
for my $words (@words, '2850375120001') {
    # of what stands in a hash or in base64 by chance, no more than this long
    my @found = grep { index($bytes, $_) >= 0 } in_words($words);
    is_deeply(\@found, [], "$words: nowhere in the store");
}
verify_trace();
pass('the trace is whole');
