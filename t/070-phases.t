# The ways in which nginx itself can skip the access phase, run it twice, or
# answer from somewhere else: none of them may show a document.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use Test::More;

our $Read = '/fhir/DocumentReference/martin-consultation-1';
our $Search = '/fhir/DocumentReference?patient.identifier='
    . 'urn:oid:1.2.250.1.213.1.4.8|285037512000151';

import_records({ ins => '285037512000151', status => 'open',
    traits => { family => 'MARTIN', given => 'Jeanne' },
    emergency => { bris_de_glace => JSON::PP::true,
        centre_15 => JSON::PP::true, masked => JSON::PP::false },
    authorisations => { '899700314422' => { since => '2020-01-01',
        until => '2100-01-01', by => 'patient' } } });

# A location that nothing protects, with the record host behind it.
our $Open = 'location /open/ { proxy_pass http://record_host/fhir/; }';

DMP::run();

__DATA__

=== TEST 1: A1: an SSI include of a protected location
--- dmp: server => qq{location /page { ssi on; default_type text/html; return 200 '(<!--#include virtual="$Read" -->)'; }}
--- as: petit
--- get: /page
--- status: 200
--- like
^\((?s:.*)\)$
--- unlike
martin
--- backend: none
--- error_log
dmp refuses a subrequest to a protected location



=== TEST 2: A1: auth_request into a protected location
--- dmp: server => qq{location /other { auth_request $Read; proxy_pass http://record_host/fhir/metadata; }}
--- as: petit
--- get: /other
--- status: 403
--- unlike
martin
--- backend: none
--- error_log
dmp refuses a subrequest to a protected location



=== TEST 3: A1, A10: mirror into a protected location
--- dmp: server => qq{location /other { mirror $Read; proxy_pass http://record_host/fhir/metadata; }}
--- as: petit
--- get: /other
--- status: 200
--- backend
GET /fhir/metadata
--- error_log
dmp refuses a subrequest to a protected location



=== TEST 4: A1: a text added from a protected location
--- dmp: server => qq{location /other { default_type text/html; add_after_body $Read; add_before_body $Read; empty_gif; } location /page { default_type text/html; add_after_body $Read; return 200 'x'; }}
--- as: petit
--- get: /page
--- unlike
martin
--- backend: none
--- error_log
dmp refuses a subrequest to a protected location



=== TEST 5: A1, A10: what a protected location asks of another stays apart
--- dmp: location => 'auth_request /open/metadata; mirror /open/Patient/durand;', server => $Open
--- code
sub mirrored { scalar grep { $_->{target} =~ /durand/ } backend() }
my $mirrored = mirrored();
request(as => 'petit', get => $Read);    # the host is not asked whose it is
wait_for { mirrored() > $mirrored } 'the first mirror';
for my $http ('1.1', '2') {
    my ($seen, $mark) = (scalar(backend()), trace_mark());
    my $r = request(as => 'petit', get => $Read, http => $http);
    is("$r->{status} $r->{json}{id}", '200 martin-consultation-1', 'that document');
    unlike($r->{body}, qr/durand|CapabilityStatement/, 'and nothing else');
    wait_for { backend() >= $seen + 3 } 'the mirror, which nobody waits for';
    is_deeply([sort map { "$_->{method} $_->{target}" } (backend())[$seen .. backend() - 1]],
        ["GET $Read", 'GET /fhir/Patient/durand', 'GET /fhir/metadata'],
        'what each of them received');
    is_deeply([map { "$_->{body}{operation} $_->{body}{decision}" } trace($mark)],
        ['read allow'], 'one entry: of the client\'s request');
}



=== TEST 51: A10: what is refused is not mirrored
--- dmp: location => 'mirror /open/Patient/durand;', server => $Open
--- as: roux
--- get eval: $main::Search
--- status: 403
--- backend: none



=== TEST 52: A10: an action after the request of another location
--- dmp: server => "location /other { post_action $Read; proxy_pass http://record_host/fhir/metadata; }"
--- code
for my $http ('1.1', '2') {
    my $seen = backend();
    my $mark = trace_mark();
    is(request(as => 'petit', get => '/other', http => $http)->{status}, 200, 'served');
    # once this is answered the action is over
    is(request(as => 'petit', get => '/other', http => $http)->{status}, 200, 'and again');
    is_deeply([map { $_->{target} } (backend())[$seen .. backend() - 1]],
        [('/fhir/metadata') x 2], 'nothing else was forwarded');
    is_deeply([map { $_->{body} } trace($mark)], [], 'nor traced as somebody\'s access');
}
--- error_log
dmp refuses a subrequest to a protected location



=== TEST 6: A1: its own auth_request can still refuse
--- dmp: location => 'auth_request /no;', server => 'location /no { return 403; }'
--- code
my $seen = backend();
my $mark = trace_mark();
my $r = request(as => 'petit', get => $Search);
is($r->{status}, 403, 'refused');
is(scalar(backend()), $seen, 'nothing was forwarded');
ok($r->{headers}{'dmp-trace-id'}, 'with the id of its trace');



=== TEST 7: A2: "return" answers before the access phase
--- dmp: location => 'return 200 "SECRET";'
--- as: petit
--- get: /fhir/DocumentReference/martin-consultation-1
--- status: 500
--- unlike
SECRET
--- backend: none
--- trace: none
--- error_log
\[alert\] .*dmp stops an answer of a protected location on which nothing was decided



=== TEST 8: A2: so does "return" inside "if"
--- dmp: location => 'if ($arg__format) { return 200 "SECRET"; }'
--- as: petit
--- get: /fhir/DocumentReference/martin-consultation-1?_format=json
--- status: 500
--- unlike
SECRET
--- backend: none
--- error_log
\[alert\] .*dmp stops an answer of a protected location



=== TEST 9: A2: a redirection or a refusal by "return" says nothing of a record
--- dmp: location => 'if ($arg__format) { return 302 /x; } if ($arg__pretty) { return 403; }'
--- code
is(request(as => 'petit', get => "$Read?_format=json")->{status}, 302, 'redirection');
is(request(as => 'petit', get => "$Read?_pretty=true")->{status}, 403, 'refusal');
is(request(as => 'petit', get => $Read)->{status}, 200, 'neither');
is(request(as => 'roux', get => $Read)->{status}, 404, 'nor for another');



=== TEST 10: A2, D4: "rewrite ... last" into a protected location
--- dmp: server => "location /short { rewrite ^ $Read last; } location /break/ { dmp on; dmp_resource fhir; rewrite ^/break/(.*) /fhir/\$1 break; proxy_pass http://record_host; }"
--- code
my $seen = backend();
for my $path ('/short', '/short?_format=json', '/break/DocumentReference/martin-consultation-1',
    '/break/DocumentReference/martin-psychiatrie')
{
    my $r = request(as => 'petit', get => $path);
    is($r->{status}, 400, "$path: what was asked is not what would be sent");
    unlike($r->{body}, qr/martin/, "$path: nothing leaves");
}
is(scalar(backend()), $seen, 'nothing was forwarded');



=== TEST 11: A3: no error_page takes a refusal elsewhere
--- dmp: location => "error_page 400 401 403 404 406 500 502 503 =200 /open/DocumentReference/martin-consultation-1;", server => $Open
--- code
my $seen = backend();
for my $case (['roux', $Search, 403], ['none', $Search, 401],
    ['petit', "$Search&x=y", 400], ['petit', '/fhir/x', 400])
{
    my ($as, $path, $status) = @$case;
    for my $http ('1.1', '2') {
        my $r = request(as => $as, get => $path, http => $http);
        is($r->{status}, $status, "$as $path: status");
        is($r->{json}{resourceType}, 'OperationOutcome', 'and our answer');
    }
}
my $r = request(as => 'roux', method => 'PUT', path => $Read, body => '{}');
is($r->{status}, 400, 'PUT');
is(scalar(backend()), $seen, 'nothing was forwarded');



=== TEST 12: A3: nor to a protected location
--- dmp: location => "error_page 400 401 403 404 = $Read;"
--- code
my $seen = backend();
my $mark = trace_mark();
my $r = request(as => 'petit', method => 'PUT', path => $Search, body => '{}');
is($r->{status}, 400, 'refused as it was asked, not as GET of another');
is($r->{json}{resourceType}, 'OperationOutcome', 'and our answer');
is(scalar(backend()), $seen, 'nothing was forwarded');
is_deeply([map { "$_->{body}{method} $_->{body}{decision}" } trace($mark)],
    ['PUT deny'], 'G2: one entry, of the request that was made');



=== TEST 13: A3: where the host cannot be reached, an error_page is judged as its answer
--- dmp: backend => '127.0.0.1:1', location => "error_page 502 504 =200 /elsewhere;", server => 'location /elsewhere { default_type application/fhir+json; return 200 \'{"resourceType":"DocumentReference","id":"martin-psychiatrie"}\'; }'
--- as: petit
--- get eval: $main::Search
--- status: 502
--- json
issue.0.details.coding.0.code = answer-unchecked
--- unlike
psychiatrie
--- trace
body.decision = allow



=== TEST 14: A3: nor does a redirect inside nginx lead into a protected location
--- dmp: server => "location /try { try_files /nothing $Read; } location = /dir/ { index $Read; } location /page { error_page 404 = $Read; root /nonexistent; }"
--- code
my $seen = backend();
for my $path ('/try', '/page/x', '/dir/') {
    for my $as ('petit', 'none') {
        my $r = request(as => $as, get => $path);
        like($r->{status}, qr/^4/, "$as $path: refused");
        unlike($r->{body}, qr/martin/, "$as $path: nothing leaves");
    }
}
is(scalar(backend()), $seen, 'nothing was forwarded');



=== TEST 15: A3: a verdict holds for its request, not for what it is redirected to
--- dmp: location => "deny all; error_page 403 = /open/DocumentReference/martin-psychiatrie;", server => $Open
--- code
for my $http ('1.1', '2') {
    my $r = request(as => 'petit', get => $Read, http => $http);
    is($r->{status}, 502, 'status');
    unlike($r->{body}, qr/psychiatrie|MASQUE/, 'the other document does not leave');
}



=== TEST 16: A3: nor in a protected location
--- dmp: location => "deny all; error_page 403 = /fhir/DocumentReference/martin-consultation-2;"
--- code
my $mark = trace_mark();
my $r = request(as => 'petit', get => $Search);
is($r->{status}, 502, 'status');
unlike($r->{body}, qr/martin/, 'nothing leaves');
my @entries = trace($mark);
is(scalar @entries, 1, 'G2: one entry');
--- error_log
dmp refuses an internal redirect into a protected location



=== TEST 17: A4: a named location is no way around, protected or not
--- dmp: location => 'error_page 404 502 = @open;', server => 'location @open { proxy_pass http://record_host; } location /try/ { try_files /nothing @guarded; } location @guarded { dmp on; proxy_pass http://record_host/fhir$uri; }'
--- code
for my $case (['roux', $Read, 404], ['petit', '/fhir/DocumentReference/martin-psychiatrie', 404],
    ['petit', '/fhir/DocumentReference/never-used', 404],
    ['petit', '/try/DocumentReference/martin-consultation-1', 400],
    ['none', '/try/DocumentReference/martin-consultation-1', 401])
{
    my ($as, $path, $status) = @$case;
    my $r = request(as => $as, get => $path);
    is($r->{status}, $status, "$as $path: status");
    unlike($r->{body}, qr/martin/, "$as $path: nothing leaves");
}



=== TEST 18: A5: what is inside a protected server or location is protected
--- dmp: server => 'dmp on; location /files/ { root /; } location ~ /Regex/ { proxy_pass http://record_host; } location = /fhir/Exact { proxy_pass http://record_host; } location /off/ { dmp off; proxy_pass http://record_host/fhir/; } location @x { proxy_pass http://record_host; } location /limited/ { limit_except GET { deny all; } proxy_pass http://record_host/fhir/; }', location => 'location /fhir/DocumentReference/martin-c { proxy_pass http://record_host; } location ~ psychiatrie { proxy_pass http://record_host; }'
--- code
my $seen = backend();
for my $path ('/files/etc/passwd', '/x/Regex/y', '/fhir/Exact', $Read,
    '/fhir/DocumentReference/martin-psychiatrie', '/', '/index.html',
    '/limited/DocumentReference/martin-consultation-1',
    '/limited/Patient/martin')
{
    for my $as ('none', 'roux', 'petit') {
        my $r = request(as => $as, get => $path);
        like($r->{status}, qr/^4/, "$as $path: refused");
        ok($r->{json}{reason} || $r->{json}{resourceType}, "$as $path: by us");
    }
}
is(scalar(backend()), $seen, 'nothing was forwarded');
is(request(get => '/off/metadata')->{status}, 200, 'and "dmp off" is not');



=== TEST 19: A5: "if" and "limit_except" keep their location's protection
--- dmp: location => 'limit_except GET { deny all; } if ($arg__format) { set $x 1; proxy_pass http://record_host; }'
--- code
for my $path ($Read, "$Read?_format=json") {
    is(request(as => 'petit', get => $path)->{status}, 200, "$path: allowed");
    is(request(as => 'roux', get => $path)->{status}, 404, "$path: refused");
    is(request(get => $path)->{status}, 401, "$path: without a card");
}
is(request(as => 'petit', method => 'PUT', path => $Read)->{status}, 400, 'PUT');



=== TEST 20: A6, A9: under "satisfy all" each may refuse
--- dmp: location => 'satisfy all; deny all;'
--- code
my $seen = backend();
for my $http ('1.1', '2') {
    my $r = request(as => 'petit', get => $Search, http => $http);
    is($r->{status}, 403, 'by address');
    ok($r->{headers}{'dmp-trace-id'}, 'with the id of its trace');
    $r = request(as => 'roux', get => $Search, http => $http);
    is($r->{json}{issue}[0]{details}{coding}[0]{code}, 'not-authorised', 'by us');
}
is(scalar(backend()), $seen, 'nothing was forwarded');



=== TEST 21: A6: and what another allows is not allowed by us
--- dmp: location => 'allow all;'
--- as: roux
--- get eval: $main::Search
--- status: 403
--- backend: none



=== TEST 22: A6: "satisfy any" is refused at start
--- dmp: location => 'satisfy any; allow all;'
--- must_die
--- suppress_stderr
--- error_log
\[emerg\] .*"satisfy any" cannot be used with "dmp on" in \S+/nginx\.conf:\d+, location /fhir/: .*; remove it



=== TEST 23: A6: also where it is inherited
--- dmp: server => 'satisfy any;'
--- must_die
--- suppress_stderr
--- error_log
\[emerg\] .*"satisfy any" cannot be used with "dmp on" in \S+/nginx\.conf:\d+



=== TEST 24: A6: or where the protection is
--- dmp: server => 'dmp on; location /x { satisfy any; }'
--- must_die
--- suppress_stderr
--- error_log
\[emerg\] .*"satisfy any" cannot be used with "dmp on" in \S+/nginx\.conf:\d+



=== TEST 25: F12: "proxy_cache" is refused at start
--- dmp: http => "proxy_cache_path @{[ DMP::Proc::dir() ]}/cache keys_zone=c:1m;", location => 'proxy_cache c;'
--- must_die
--- suppress_stderr
--- error_log
\[emerg\] .*"proxy_cache" cannot be used with "dmp on" in \S+/nginx\.conf:\d+



=== TEST 26: F12: also where it is inherited, and its name a variable
--- dmp: http => "proxy_cache_path @{[ DMP::Proc::dir() ]}/cache keys_zone=c:1m;", server => 'set $c c; proxy_cache $c;'
--- must_die
--- suppress_stderr
--- error_log
\[emerg\] .*"proxy_cache" cannot be used with "dmp on" in \S+/nginx\.conf:\d+



=== TEST 27: F13: "slice" is refused at start
--- dmp: location => 'slice 1m;'
--- must_die
--- suppress_stderr
--- error_log
\[emerg\] .*"slice" cannot be used with "dmp on" in \S+/nginx\.conf:\d+



=== TEST 28: F13: what writes into answers finds only what was judged
--- dmp: location => 'sub_filter_types *; sub_filter_once off; sub_filter consultation CHANGED; gunzip on; gzip on; gzip_types *; gzip_min_length 1; charset utf-8; charset_types *;'
--- code
for my $http ('1.1', '2') {
    my $r = request(as => 'petit', get => $Read, http => $http);
    is($r->{status}, 200, 'status');
    unlike($r->{body}, qr/MASQUE_PS/, 'nothing masked');
    is(request(as => 'petit', get => '/fhir/DocumentReference/martin-psychiatrie',
        http => $http)->{status}, 404, 'masked');
    $r = request(as => 'petit', get => $Search, http => $http,
        options => ['--compressed']);
    unlike($r->{body}, qr/psychiatrie/, 'a search');
    is(scalar @{ $r->{json}{entry} }, 11, 'its entries');
}



=== TEST 29: F13: "proxy_store" would keep what was never judged
--- dmp: location => "root @{[ DMP::Proc::dir() ]}/store; proxy_store on;"
--- must_die
--- suppress_stderr
--- error_log
\[emerg\] .*"proxy_store" cannot be used with "dmp on" in \S+/nginx\.conf:\d+



=== TEST 30: a protected location that is not said to be FHIR forwards nothing
--- dmp: locations => 'location / { dmp on; proxy_pass http://record_host/fhir/; }'
--- as: petit
--- get: /DocumentReference/martin-consultation-1
--- status: 400
--- backend: none
--- unlike
martin



=== TEST 31: A9: what limit_req refuses before us is logged without the INS
--- dmp: http => 'limit_req_zone $server_name zone=one:1m rate=1r/m;', location => 'limit_req zone=one;'
--- code
my @statuses = map { request(as => 'petit', get => $Search)->{status} } 1 .. 3;
is($statuses[-1], 503, 'one too many is refused');
my $log = DMP::Proc::slurp(DMP::error_log());
like($log, qr/limiting requests/, 'which is logged');
is(scalar(grep { /limiting requests/ && /285037512000151/ } split /\n/, $log), 0,
    'without the patient');



=== TEST 32: A7: whatever its status, what we refuse is the answer
--- dmp: location => 'satisfy all; auth_request /ask;', server => 'location = /ask { proxy_pass http://record_host/fhir/metadata; }'
--- code
request(as => 'petit', get => $Read);
my $seen = backend();
for my $http ('1.1', '2') {
    for my $case ([400, 'petit', "$Search&x=y"], [401, 'none', $Search],
        [403, 'roux', $Search], [404, 'roux', $Read],
        [406, 'petit', $Read, 'Accept: application/pdf'])
    {
        my ($status, $as, $path, @headers) = @$case;
        my $r = request(as => $as, get => $path, headers => \@headers, http => $http);
        is("$r->{status} $r->{json}{resourceType}", "$status OperationOutcome", "$path as $as");
    }
}
is(scalar(grep { $_->{target} eq '/fhir/metadata' } (backend())[$seen .. backend() - 1]),
    0, 'no other module was asked');



=== TEST 33: A8: a 401 says how to sign in, once, whatever else asks for it
--- dmp: location => 'auth_basic "other"; auth_basic_user_file /dev/null;'
--- code
for my $http ('1.1', '2') {
    my $r = request(get => $Search, http => $http);
    is($r->{status}, 401, 'status');
    is_deeply($r->{lists}{'www-authenticate'}, ['Bearer realm="dmp"'], 'one challenge');
}



=== TEST 34: A9: what limit_req refuses is not decided, nor traced
--- dmp: http => 'limit_req_zone $server_name zone=two:1m rate=1r/m; limit_req_log_level info;', location => 'limit_req zone=two;'
--- code
request(as => 'petit', get => $Search);
my $seen = backend();
my $mark = trace_mark();
is(request(as => 'petit', get => $Search)->{status}, 503, 'refused');
is(scalar(backend()), $seen, 'nothing was forwarded');
is_deeply([trace($mark)], [], 'nothing was traced');



=== TEST 35: A3, A4: what try_files of a protected location leads to
--- dmp: location => 'try_files /nothing @open;', server => 'location @open { proxy_pass http://record_host; }'
--- code
for my $http ('1.1', '2') {
    my $r = request(as => 'petit', get => $Read, http => $http);
    is("$r->{status} $r->{json}{id}", '200 martin-consultation-1', 'what was decided');
    $r = request(as => 'petit', get => $Read =~ s/consultation-1/psychiatrie/r, http => $http);
    is($r->{status}, 404, 'a masked document');
    is(request(as => 'roux', get => $Read, http => $http)->{status}, 404, 'a stranger');
}



=== TEST 351: A3, A4: and where that is another document
--- dmp: location => 'try_files /nothing /open/DocumentReference/martin-psychiatrie;', server => $Open
--- code
for my $http ('1.1', '2') {
    for my $path ($Read, $Search) {
        my $r = request(as => 'petit', get => $path, http => $http);
        is($r->{status}, 502, "$path: status");
        unlike("$r->{head}$r->{body}", qr/psychiatrie|MASQUE/, 'the other document does not leave');
    }
}



=== TEST 36: A5: what is turned off inside is off, and nothing beside it
--- dmp: location => 'location /fhir/open/ { dmp off; proxy_pass http://record_host/fhir/; }'
--- code
is(request(get => '/fhir/open/metadata')->{status}, 200, 'off');
my $seen = backend();
for my $path ('/fhir/open', '/fhir/DocumentReference/open/', '/fhir/open/../DocumentReference/x',
    '/fhir/open/%2e%2e/DocumentReference/martin-consultation-1', '/fhir/Open/metadata',
    '/fhir//open/../Patient/martin')
{
    like(request(get => $path)->{status}, qr/^(?:301|40[01])$/, "$path: refused");
}
is(scalar(backend()), $seen, 'nothing was forwarded');



=== TEST 37: D3, D9: however lenient the server is about headers and slashes
--- dmp: server => 'merge_slashes off; underscores_in_headers on; ignore_invalid_headers off;'
--- code
my $seen = backend();
for my $path ('/fhir//DocumentReference/martin-consultation-1', '//fhir/DocumentReference/x',
    '/fhir/DocumentReference//martin-consultation-1', "$Read/", "$Read//")
{
    my $r = request(as => 'petit', get => $path);
    like($r->{status}, qr/^40[04]$/, "$path: refused");
    unlike($r->{body}, qr/martin/, "$path: nothing leaves");
}
for my $header ('DMP_Access_Mode: normal', 'X_DMP_User: x', 'X_HTTP_Method_Override: DELETE',
    'dmp_trace_receipt: x')
{
    is(request(as => 'petit', get => $Read, headers => [$header])->{status}, 400, $header);
}
is(scalar(backend()), $seen, 'nothing was forwarded');



=== TEST 38: D1, D4: a base of another name at the host
--- dmp: path => '/dossier/', proxy => 'http://record_host/fhir/'
--- code
my $base = '/dossier/DocumentReference';
request(as => 'petit', get => "$base/martin-consultation-1");
for my $http ('1.1', '2') {
    my $seen = backend();
    my $r = request(as => 'petit', get => "$base/martin-consultation-1", http => $http);
    is("$r->{status} $r->{json}{id}", '200 martin-consultation-1', 'that document');
    $r = request(as => 'petit', get => $Search =~ s{^/fhir}{/dossier}r, http => $http);
    is($r->{status}, 200, 'a search');
    is_deeply([map { "$_->{method} $_->{target}" } (backend())[$seen .. backend() - 1]],
        ["GET $Read", "GET $Search"], 'the same, at the base that is the host\'s');
    for my $path ("$base/martin%2Dconsultation-1", '/dossier/x/../DocumentReference/martin-consultation-1') {
        is(request(as => 'petit', get => $path, http => $http)->{status}, 400, $path);
    }
    is(scalar(backend()), $seen + 2, 'nothing else was forwarded');
}



=== TEST 39: B7: limit_rate slows what leaves, and no decision
--- dmp: location => 'limit_rate 200k; limit_rate_after 1k;'
--- code
for my $http ('1.1', '2') {
    my ($one, $two) = map { request(as => 'petit', get => $Search, http => $http) } 1, 2;
    is($one->{status}, 200, 'status');
    is(scalar @{ $one->{json}{entry} }, 11, 'the whole of it');
    is($two->{body}, $one->{body}, 'and again');
    is(request(as => 'roux', get => $Search, http => $http)->{status}, 403, 'a stranger');
}



=== TEST 40: B11: what nginx refuses before there is anything to decide
--- dmp: server => 'lingering_timeout 50ms;'
--- code
my $seen = backend();
my $mark = trace_mark();
for my $bytes ("GET $Read HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET $Read HTTP/1.1\r\n\r\n",
    "GET $Read HTTP/3.0\r\n\r\n", "\r\n\r\n\x00\x01\r\n\r\n", "get $Read\r\n\r\n",
    "GET $Read HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "GET $Read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
{
    my $answer = request_raw('petit', $bytes);
    like($answer, qr{^(?:HTTP/1\.1 (?:400|505) |<html>)}, 'refused');
    unlike($answer, qr/martin/, 'nothing leaves');
}
is(scalar(backend()), $seen, 'nothing was forwarded');
is_deeply([trace($mark)], [], 'nothing was traced');
is(request(as => 'petit', get => $Read)->{status}, 200, 'and nothing is left of it');



=== TEST 41: C8: a refusal waits for no body
--- dmp: location => 'client_max_body_size 0;', server => 'lingering_timeout 50ms;'
--- code
my $seen = backend();
for my $as ('petit', '') {
    my $answer = request_raw($as, "PUT $Read HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Length: 100000000\r\n\r\n{");
    like($answer, $as ? qr{^HTTP/1\.1 400 } : qr{^HTTP/1\.1 401 }, 'refused, though it has not come');
    like($answer, qr/OperationOutcome/, 'by us');
}
is(scalar(backend()), $seen, 'nothing was forwarded');



=== TEST 42: D11: where a request comes from is what nginx says, and no header
--- as: petit
--- get eval: $main::Search
--- headers
X-Forwarded-For: 203.0.113.9
X-Real-IP: 203.0.113.9
Forwarded: for=203.0.113.9
--- status: 200
--- trace
body.client = 127.0.0.1



=== TEST 43: D11: nor unless nginx was told whom to believe
--- dmp: server => 'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;'
--- as: petit
--- get eval: $main::Search
--- headers
X-Forwarded-For: 203.0.113.9
X-Real-IP: 203.0.113.10
--- status: 200
--- trace
body.client = 203.0.113.10
