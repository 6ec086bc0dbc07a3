# What may be asked (B1, B2): a request that a host could read in another
# way than the gateway is refused, and one that is allowed reaches the host as
# the client made it, but for the headers that are the gateway's.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use Test::More;

our $Base = '/fhir/DocumentReference';
our $Who = 'patient.identifier=urn:oid:1.2.250.1.213.1.4.8|285037512000151';
our $Search = "$Base?$Who";
our $Read = "$Base/martin-consultation-1";

my $always = { since => '2020-01-01', until => '2100-01-01', by => 'patient' };

sub record
{
    my ($ins, @authorised) = @_;

    return { ins => $ins, status => 'open',
        traits => { family => 'MARTIN', given => 'Jeanne' },
        emergency => { bris_de_glace => JSON::PP::true,
            centre_15 => JSON::PP::true, masked => JSON::PP::false },
        authorisations => { map { $_ => $always } @authorised } };
}

import_records(record('285037512000151', '899700314422'),
    record('172066912304538'));

sub ambiguous { refused('400 B1 request-ambiguous', @_) }
sub unknown { refused('400 B1 operation-unknown', @_) }

# Each request is refused with that status, rule and reason, over both
# protocols, its trace says why, and the host receives none of them.  A
# request is a target, or a name and the arguments of request().
sub refused
{
    my ($want, @requests) = @_;

    my ($status, $rule, $reason) = split ' ', $want;
    my $seen = backend();

    for my $one (@requests) {
        my ($name, @how) = ref $one ? @$one : ($one, get => $one);
        my %how = (as => 'petit', protocols => ['1.1', '2'], @how);

        for my $http (@{ $how{protocols} }) {
            my $mark = trace_mark();
            my $r = request(%how, http => $http);
            my $said = $r->{json}{issue}[0]{details}{coding}[0]{code} // 'nothing';
            my ($entry, @more) = map { $_->{body} } trace($mark);
            my $traced = join ' ', map { $entry->{$_} // '-' }
                qw(decision rule reason);

            is("$r->{status} $said; $traced; " . @more,
                "$status $reason; deny $rule $reason; 0", "$http $name");
        }
    }

    is_deeply([map { $_->{target} } (backend())[$seen .. backend() - 1]], [],
        'the host received nothing');
}

# What the host received of one request that is allowed.
sub allowed
{
    my (%how) = @_;

    my $seen = backend();
    my $r = request(as => 'petit', %how);

    is($r->{status}, 200, ($how{name} // $how{get}) . ' - allowed')
        or diag $r->{body};

    return ($r, (backend())[-1]);
}

sub names { return [sort map { lc $_->[0] } @{ $_[0]{headers} }] }

DMP::run();

__DATA__

=== TEST 1: B1: one patient, named once, by an INS
--- code
my $ins = 'urn:oid:1.2.250.1.213.1.4.8|285037512000151';
ambiguous("$Base", "$Base?", "$Base?status=current", "$Search&$Who",
    "$Search&patient.identifier=urn:oid:1.2.250.1.213.1.4.8|172066912304538",
    "$Base?patient%2Eidentifier=$ins&$Who",
    "$Base?patient=Patient/martin", "$Search&patient=Patient/durand",
    "$Search&subject=Patient/durand", "$Base?patient:identifier=$ins",
    "$Base?patient:Patient.identifier=$ins", "$Base?subject.identifier=$ins",
    "$Base?patient.identifier:exact=$ins", "$Base?PATIENT.IDENTIFIER=$ins",
    "$Base?patient.identifier=285037512000151",
    "$Base?patient.identifier=|285037512000151",
    "$Base?patient.identifier=urn:oid:1.2.250.1.213.1.4.80|285037512000151",
    "$Base?patient.identifier=urn:oid:1.2.250.1.213.1.4.8",
    "$Base?patient.name=MARTIN", "$Base?_id=martin-consultation-1");



=== TEST 2: B2: an INS has 15 characters, and its key fits
--- code
my $of = "$Base?patient.identifier=urn:oid:1.2.250.1.213.1.4.8|";
refused('400 B2 ins-invalid', map { "$of$_" } '', '285037512000152',
    '28503751200015', '2850375120001510', '285037512000151,172066912304538',
    '28503751200015A', '285037512000151%20', '285037512000151+', '285O37512000151',
    '168112a00405781', '168112C00405781', '085037512000151', '%2A' x 15,
    '285037512000151|172066912304538');
refused('400 B2 ins-invalid',
    '/fhir/Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|285037512000152');



=== TEST 3: D5: parameters that the transaction does not have
--- code
ambiguous(map { "$Search&$_" } '_include=DocumentReference:subject',
    '_include:iterate=*', '_revinclude=List:item',
    '_has:List:item:_id=martin-lot-1', '_summary=count', '_summary=data',
    '_summary=false', '_elements=id', '_total=accurate', '_contained=true',
    '_filter=status%20eq%20current', '_query=all', '_list=x', '_text=sida',
    '_content=sida', '_type=Binary', '_lastUpdated=gt2020-01-01',
    '_security=N', '_method=DELETE', 'status:not=current', 'type:in=x',
    'type:missing=true', 'author.identifier=1', 'subject.name=MARTIN',
    'patient.organization=1', 'Status=current', 'custodian=x', 'x=y', '=y');
ambiguous("$Read?_elements=id", "$Read?_summary=text", "$Read?$Who",
    "$Read?_include=x",
    '/fhir/Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|285037512000151'
    . '&_revinclude=DocumentReference:subject');



=== TEST 4: D1: a query that could be read in two ways
--- code
ambiguous(map { "$Base?$_" } "$Who?status=current", "$Who;status=current",
    "status=current?$Who", "$Who&", "&$Who", "$Who&&status=current",
    "$Who&status", "$Who&status=%", "$Who&status=%2", "$Who&status=%zz",
    "$Who&status=%00", "$Who&status=%0d%0aX:y", "$Who&status=%ff",
    "$Who&status=%c0%af", "$Who&status=%ed%a0%80", "$Who&stat%00us=current",
    "$Who&status=a\\b", "$Who&status=\xc3\xa9",
    'patient.identifier=urn%253Aoid%253A1.2.250.1.213.1.4.8|285037512000151',
    "$Who&status=" . 'x' x 600);
refused('413 B1 request-ambiguous', ['many parameters',
    get => "$Base?$Who&" . join('&', ('status=current') x 200)]);



=== TEST 5: D1, D2: a path that could be read in two ways
--- code
ambiguous("//fhir/DocumentReference?$Who", "/fhir//DocumentReference?$Who",
    "/fhir/./DocumentReference?$Who", "/fhir/x/../DocumentReference?$Who",
    "/x/../fhir/DocumentReference?$Who", "/fhir/DocumentReference/?$Who",
    "/fhir/%44ocumentReference?$Who", "/%66hir/DocumentReference?$Who",
    "/fhir/DocumentReference%2Fmartin-consultation-1",
    "/fhir/DocumentReference%3F$Who", "/fhir/DocumentReference;x=1?$Who",
    '/fhir/Patient/..;/DocumentReference/martin-consultation-1',
    '/fhir/Patient/%2e%2e/DocumentReference/martin-consultation-1',
    '/fhir/Patient/..%2FDocumentReference/martin-consultation-1',
    '/fhir/Patient%5c..%5cDocumentReference/martin-consultation-1',
    '/fhir/DocumentReference/martin-consultation-1%23',
    '/fhir/DocumentReference/martin-consultation-1/.',
    '/fhir/DocumentReference/%252e%252e/Patient/martin');



=== TEST 6: B1: what is no transaction
--- code
unknown("/fhir/documentreference?$Who", '/fhir/Patient/martin',
    '/fhir/List/martin-lot-2', '/fhir/Binary', '/fhir/Bundle',
    '/fhir/Binary/martin-consultation-1/_history/1', "/fhir/binary?$Who",
    '/fhir/Practitioner?name=MOREL', '/fhir/AuditEvent', '/fhir/$export',
    '/fhir/Patient/martin/$everything', '/fhir/Patient/martin/DocumentReference',
    "$Read/_history", '/fhir/DocumentReference/_history', '/fhir/_history',
    "/fhir/DocumentReference/_search?$Who", "/fhir/DocumentReferenceX?$Who");
refused('400 B1 request-ambiguous', '/fhir/', '/fhir/?_type=Patient',
    '/fhir/Patient?family=MARTIN&birthdate=1985-03-02');



=== TEST 7: D7: methods, on a document and on a search
--- code
unknown(map { my $method = $_; map { ["$method $_", method => $method, path => $_] }
    $Read, $Search } qw(POST PUT DELETE PATCH OPTIONS PROPFIND LINK X));
is(request(as => 'petit', head => $_)->{status}, 200, "HEAD $_")
    for $Read, $Search;
my $seen = backend();
for my $method (qw(TRACE CONNECT)) {
    my $r = request(as => 'petit', method => $method, path => $Read);
    like($r->{status}, qr/^40[05]$/, "$method is nginx's to refuse");
}
my $answer = request_raw('petit', "get $Read HTTP/1.1\r\nHost: localhost\r\n"
    . "Connection: close\r\n\r\n");
like($answer, qr{^HTTP/1\.1 400 }, 'and so is "get"');
is(scalar(backend()), $seen, 'the host received nothing');



=== TEST 8: D6, D12: one method and one resource, whatever a header says
--- code
ambiguous(map { my $header = $_; [$header, get => $Read, headers => [$header]] }
    'X-HTTP-Method-Override: DELETE', 'X-Http-Method: PUT',
    'X-Method-Override: GET', 'X-Original-URL: /fhir/Patient/martin',
    'X-Rewrite-URL: /fhir/Patient/martin', 'Destination: /fhir/x',
    'If-None-Exist: identifier=1');



=== TEST 9: C6, C7: a body where there is none to read
--- code
ambiguous(['a body', get => $Read, body => '{}'],
    ['a form', get => $Search, body => 'patient.identifier=x|172066912304538',
        headers => ['Content-Type: application/x-www-form-urlencoded']],
    ['C6: of unknown length', get => $Read, body => '{}',
        headers => ['Content-Length:', 'Transfer-Encoding: chunked'],
        protocols => ['1.1']],
    ['C6: of unknown length', get => $Read, body => '{}',
        headers => ['Content-Length:'], protocols => ['2']]);
allowed(get => $Read, headers => ['Content-Length: 0'], name => 'of no length');



=== TEST 10: formats other than JSON: 406
--- code
refused('406 B1 operation-unknown', map({ "$Search&_format=$_" } 'xml', 'application/fhir%2Bxml',
    'text/xml', 'html', 'ttl', 'json%20', 'JSON', ''),
    "$Read?_format=xml", "$Read?_format=application/fhir+xml",
    map { my $accept = $_; [$accept, get => $Read, headers => [$accept]] }
    'Accept: application/fhir+xml', 'Accept: text/html', 'Accept: image/*',
    'Accept: application/fhir+xml;q=1, text/xml', 'Accept: jsonx');
for my $accept ('*/*', 'application/fhir+json', 'application/json;q=0.5',
    'application/fhir+json; fhirVersion=4.0', 'text/html, Application/JSON')
{
    allowed(get => $Read, headers => ["Accept: $accept"], name => $accept);
}
allowed(get => "$Search&_format=$_") for 'json', 'application/fhir%2Bjson';



=== TEST 101: D5: two formats, were they the same
--- code
ambiguous(map { "$Search&_format=json&_format=$_" } qw(xml json));



=== TEST 11: D9, D10: headers that speak for the gateway
--- code
ambiguous(map { my $headers = $_; ["@$headers", get => $Read, headers => $headers] }
    ['X-DMP-User: 899700218896'], ['x-dmp-patient: 1'],
    ['DMP-Trace-Receipt: 1 2 3 4 5'], ['DMP-Trace-Id: 1'], ['DMP-Actor: x'],
    ['dmp-x: y'], ['DMP-Access-Mode: normal', 'DMP-Access-Mode: normal'],
    ['DMP-Access-Mode: normal', 'dmp-access-mode: bris-de-glace'],
    ['DMP-Justification: a', 'DMP-Justification: b'],
    ['DMP-Patient-Family: a', 'DMP-Patient-Family: a'],
    ['DMP-Access-Mode: Normal'], ['DMP-Access-Mode: normal, bris-de-glace'],
    ['DMP-Access-Mode;'], ['DMP-Access-Mode: samu'],
    ['Accept: application/json', 'Accept: application/fhir+xml']);
# nginx drops a name with "_"; it must not come through either
my ($r, $got) = allowed(get => $Read, headers => ['X_DMP_User: x',
    'DMP_Access_Mode: bris-de-glace'], name => 'names with "_"');
is_deeply([grep { /dmp/ && $_ ne 'dmp-trace-receipt' } @{ names($got) }], [],
    'the host sees neither');



=== TEST 12: D9: nor with "_", where nginx lets it pass
--- dmp: server => 'underscores_in_headers on;'
--- code
ambiguous(map { my $header = $_; [$header, get => $Read, headers => [$header]] }
    'X_DMP_User: x', 'DMP_Access_Mode: normal', 'dmp_justification: abcdefghijkl',
    'DMP_Trace_Receipt: 1', 'X_HTTP_Method_Override: DELETE', 'DMP-Access_Mode: normal');
my ($r, $got) = allowed(get => $Read, name => 'stripped, folded or not',
    headers => ['If_None_Match: *', 'Accept_Encoding: gzip', 'X_Other: x',
        'User_Agent: x', 'Content_Length: 7', 'Transfer_Encoding: chunked']);
is_deeply(names($got), [qw(accept dmp-trace-receipt host user-agent)],
    'what the host sees');



=== TEST 13: D10: no header may be named as one of this connection only
--- code
ambiguous(map { my $header = $_; [$header, get => $Read, headers => [$header],
    protocols => ['1.1']] }
    'Connection: DMP-Trace-Receipt', 'Connection: keep-alive, dmp-trace-receipt',
    'Connection: close, X-Forwarded-For', 'Connection: Upgrade');



=== TEST 14: an emergency mode is what its rules ask for (t/210-modes.t)
--- code
my @in_words = ('DMP-Justification: Patient%20inconscient%20aux%20urgences');
refused('403 G4 traits-mismatch', ['bris de glace', get => $Search,
    headers => ['DMP-Access-Mode: bris-de-glace', @in_words]]);
refused('403 G5 not-regulator', ['centre 15', get => $Search,
    headers => ['DMP-Access-Mode: centre-15', @in_words]]);
allowed(get => $Search, headers => ['DMP-Access-Mode: normal'], name => 'normal');



=== TEST 15: absolute-form: the path is what counts
--- code
my $seen = backend();
my $answer = request_raw('petit', "GET https://localhost$Read HTTP/1.1\r\n"
    . "Host: localhost\r\nConnection: close\r\n\r\n");
like($answer, qr{^HTTP/1\.1 200 }, 'allowed');
is((backend())[-1]{target}, $Read, 'and forwarded as its path');
$seen = backend();
for my $target ('https://localhost/fhir/Patient/martin',
    "https://localhost$Base?patient.identifier=x", '*')
{
    $answer = request_raw('petit', "GET $target HTTP/1.1\r\n"
        . "Host: localhost\r\nConnection: close\r\n\r\n");
    unlike($answer, qr{^HTTP/1\.1 200 }, "$target - refused");
}
is(scalar(backend()), $seen, 'the host received nothing of these');



=== TEST 16: D8: two hosts, or a target that is none
--- code
my $seen = backend();
for my $head ("GET $Read HTTP/1.1\r\nHost: localhost\r\nHost: other",
    "GET $Read HTTP/1.1", "GET $Read HTTP/1.1\r\nHost: localhost\r\n"
    . "Authorization: Bearer a\r\nAuthorization: Bearer b",
    "GET $Read#x HTTP/1.1\r\nHost: localhost",
    "GET $Read x HTTP/1.1\r\nHost: localhost",
    "GET $Read\x01 HTTP/1.1\r\nHost: localhost",
    "GET $Read%00.json HTTP/1.1\r\nHost: localhost",
    "GET $Read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
    . "Transfer-Encoding: chunked")
{
    my $answer = request_raw('petit', "$head\r\nConnection: close\r\n\r\n");
    like($answer, qr{^HTTP/1\.1 4\d\d }, $head =~ s/\r\n/ | /gr . ' - refused');
}
is(scalar(backend()), $seen, 'the host received nothing');



=== TEST 17: D1: a target that names another host than the Host header
--- code
my $seen = backend();
my $answer = request_raw('petit', "GET https://other.test$Read HTTP/1.1\r\n"
    . "Host: localhost\r\nConnection: close\r\n\r\n");
like($answer, qr{^HTTP/1\.1 4\d\d }, 'refused');
is(scalar(backend()), $seen, 'the host received nothing');



=== TEST 18: D10: the host receives the headers that are known, and the receipt
--- code
for my $http ('1.1', '2') {
    my $mark = trace_mark();
    my ($r, $got) = allowed(get => $Search, http => $http, headers => [
        'X-Request-Id: ' . 'y' x 3000, 'X-Correlation-ID: 8', 'Accept-Language: fr',
        'traceparent: 1', 'tracestate: a=1', 'tracestate: b=2', 'User-Agent: x',
        'Content-Language: fr', 'Cookie: a=b', 'X-Many: 1', 'X-Many: 2',
        'X-Tenant: x', 'X-Partition: x', 'X-Forwarded-For: 192.0.2.1',
        'X-Forwarded-Host: x', 'Forwarded: for=192.0.2.1', 'Via: 1.1 x',
        'Referer: http://x/', 'Origin: http://x', 'Pragma: no-cache',
        'Cache-Control: no-cache, max-results=1', 'X-Accel-Redirect: /x',
        'Accept-Encoding: gzip', 'Range: bytes=0-1', 'If-None-Match: *',
        'If-Modified-Since: Sun, 01 Jan 2040 00:00:00 GMT', 'TE: trailers',
        'DMP-Justification: abcdefghijkl', 'DMP-Patient-Given: Jeanne'],
        name => "HTTP/$http");
    is("$got->{method} $got->{target}", "GET $Search", 'request line');
    is_deeply([sort { $a cmp $b } map { "\L$_->[0]\E: $_->[1]" }
        grep { $_->[0] !~ /^dmp/i } @{ $got->{headers} }],
        ['accept-language: fr', 'accept: application/fhir+json',
            'content-language: fr', 'host: record_host', 'traceparent: 1',
            'tracestate: a=1', 'tracestate: b=2', 'user-agent: x',
            'x-correlation-id: 8', 'x-request-id: ' . 'y' x 3000], 'headers');
    my @receipts = grep { $_->[0] =~ /^dmp/i } @{ $got->{headers} };
    my ($entry) = map { $_->{body} } trace($mark);
    is_deeply(\@receipts, [['DMP-Trace-Receipt', join ' ', map { $entry->{$_} }
        qw(trace writer bucket epoch seq)]], 'the receipt names the trace entry');
    is($entry->{trace}, $r->{headers}{'dmp-trace-id'}, 'and so does the answer');
}



=== TEST 180: one more header is sent where the configuration says so
--- dmp: location => 'set $custom $http_x_custom; proxy_set_header X-Custom $custom; proxy_set_header X-Late $http_x_other; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;'
--- code
sub value { my ($got, $name) = @_; join '|', map { $_->[1] }
    grep { lc $_->[0] eq $name } @{ $got->{headers} } }
for my $http ('1.1', '2') {
    my $seen = backend();
    my (undef, $got) = allowed(get => '/fhir/Binary/martin-consultation-1',
        http => $http, headers => ['X-Custom: one', 'X-Other: two',
            'X-Forwarded-For: 192.0.2.1'], name => "HTTP/$http");
    my @all = (backend())[$seen .. backend() - 1];
    cmp_ok(scalar @all, '>', 1, 'a question, and the request');
    is(value($_, 'x-custom'), 'one', $_->{target}) for @all;
    is(value($got, $_), '', "no $_") for qw(x-late x-other);
    is(value($got, 'x-forwarded-for'), '192.0.2.1, 127.0.0.1',
        'nginx has what it read itself');
    allowed(get => $Read, http => $http, name => 'without it');
    is(value((backend())[-1], 'x-custom'), '', 'the host sees none');
}



=== TEST 19: dmp_receipt off leaves it out
--- dmp: location => 'dmp_receipt off;'
--- code
my ($r, $got) = allowed(get => $Search);
is_deeply(names($got), [qw(accept host user-agent)], 'no receipt');
ok($r->{headers}{'dmp-trace-id'}, 'the client has its id');



=== TEST 20: B9: requests one behind the other on a connection, each its own
--- code
my @asked = ([$Search, 200], ["$Search&$Who", 400], [$Read, 200],
    ["$Base/martin-psychiatrie", 404], ["$Base?patient.identifier="
    . 'urn:oid:1.2.250.1.213.1.4.8|172066912304538', 403],
    ['/fhir/Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|172066912304538', 200]);
my $mark = trace_mark();
my $answer = request_raw('petit', join '', map { "GET $asked[$_][0] HTTP/1.1\r\n"
    . "Host: localhost\r\n" . ($_ == $#asked ? "Connection: close\r\n" : '')
    . "\r\n" } 0 .. $#asked);
is_deeply([$answer =~ m{HTTP/1\.1 (\d{3}) }g], [map { $_->[1] } @asked],
    'status of each, in order');
my @ids = $answer =~ /^DMP-Trace-Id: (\S+)/mg;
# of two patients: within a millisecond their streams have no order
is_deeply([sort map { $_->{body}{trace} } trace($mark)], [sort @ids], 'and its trace');



=== TEST 21: B4, B9: thirty streams at once, each its own verdict
--- code
my $pki = pki();
my $dir = DMP::Proc::dir();
my $port = tls_port();
my @kinds = ([$Search, 200, qr/"Bundle".*martin-consultation-3/],
    ["$Base?patient.identifier=urn:oid:1.2.250.1.213.1.4.8|172066912304538",
        403, qr/not-authorised/],
    ["$Base/martin-vaccination", 200, qr/"id":"martin-vaccination"/],
    ["$Base/martin-psychiatrie", 404, qr/document-foreign/],
    ["$Search&$Who", 400, qr/request-ambiguous/],
    ['/fhir/Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|285037512000151',
        200, qr/VALIDE/]);
open my $out, '>', "$dir/streams.conf" or die;
print $out "silent\ngloboff\npath-as-is\nhttp2\nparallel\nnoproxy = *\n",
    "cacert = $pki/server-ca.pem\ncert = $pki/petit.pem\nkey = $pki/petit.key\n",
    'write-out = "%{urlnum} %{http_code} %{http_version} %{num_connects}\n"', "\n";
for my $i (0 .. 29) {
    print $out "url = \"https://127.0.0.1:$port$kinds[$i % 6][0]\"\n",
        "output = \"$dir/stream.$i\"\n";
}
close $out or die;
for my $time ('cold', 'warm') {
    my $mark = trace_mark();
    my @said = split /\n/, `curl -K $dir/streams.conf 2>/dev/null`;
    my ($connections, %status) = (0);
    for (@said) {
        my ($n, $code, $version, $new) = split;
        $status{$n} = "$code $version";
        $connections += $new;
    }
    is($connections, 1, "$time: one connection") or diag @said;
    for my $i (0 .. 29) {
        my ($target, $code, $body) = @{ $kinds[$i % 6] };
        is($status{$i}, "$code 2", "$time $i: status");
        like(slurp("$dir/stream.$i"), $body, "$time $i: body");
    }
    my %n;
    $n{"$_->{body}{decision} $_->{body}{operation}"}++
        for grep { $_->{outcome} ne '0' } trace($mark);
    is_deeply(\%n, { 'allow search' => 5, 'deny search' => 10, 'allow read' => 5,
        'deny read' => 5, 'allow check' => 5 }, "$time: traces");
}
like(verify_trace(), qr/whole/, 'and the trace is whole');



=== TEST 22: C10: no request that holds others
--- code
my $bundle = sub {
    my ($type) = @_;
    return '{"resourceType":"Bundle","type":"' . $type . '","entry":['
        . '{"request":{"method":"GET","url":"metadata"}},'
        . '{"request":{"method":"GET","url":"DocumentReference/martin-psychiatrie"}}]}';
};
for my $path ('/fhir', '/fhir/', '/fhir/Bundle', '/fhir/$process-message') {
    for my $type (qw(batch transaction)) {
        my $seen = backend();
        my $r = request(as => 'petit', post => $path, body => $bundle->($type),
            headers => ['Content-Type: application/fhir+json']);
        like($r->{status}, qr/^(?:301|40[04])\z/, "$type at $path");
        is(scalar(backend()), $seen, 'the host received nothing');
    }
}



=== TEST 23: HTTP/1.0: the same verdicts, with a Host header or none
--- code
is(request(as => 'petit', get => $Read)->{status}, 200, 'known');
my $seen = backend();
for my $host ("Host: 127.0.0.1\r\n", '') {
    my $r = request_raw('petit', "GET $Read HTTP/1.0\r\n$host\r\n");
    like($r, qr{^HTTP/1\.1 200 .*\r\nConnection: close\r\n}s, 'a document');
    like($r, qr{"id":"martin-consultation-1"}, 'whole');
    unlike($r, qr{Transfer-Encoding}i, 'and in no chunks');
}
is(backend() - $seen, 2, 'each reached the host once');
$seen = backend();
like(request_raw('petit', "GET $Read;x=1 HTTP/1.0\r\n\r\n"), qr{^HTTP/1\.1 400 },
    'refused');
like(request_raw('petit', "GET $Read HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}"),
    qr{^HTTP/1\.1 400 }, 'a body where there is none to read');
is(scalar(backend()), $seen, 'the host received nothing of these');
