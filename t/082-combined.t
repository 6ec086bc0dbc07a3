# What a protected location may be combined with, and which record host is
# behind it: "nginx -t" refuses what cannot be safe, and says what to change.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeHost;
use JSON::PP;
use Test::More;

our $Martin = '285037512000151';
our ($Fake, @Names);
our $Dir = DMP::Proc::dir();

# A file with that text.
sub file
{
    my ($name, $text) = @_;

    open my $out, '>:raw', "$Dir/$name" or die "$Dir/$name: $!\n";
    print $out $text;
    close $out or die "$Dir/$name: $!\n";

    return "$Dir/$name";
}

# A second server of another port, whose locations are the same.
sub twice
{
    my ($name, %o) = @_;

    my $config = DMP::config(%o);
    my $port = DMP::Proc::free_port();
    my ($server) = $config =~ /^(    server \{.*)/ms;

    $server =~ s/(listen 127\.0\.0\.1:)\d+/$1$port/;
    $server =~ s/(server_name) [^;]*;/$1 $name;/;

    return $config . $server;
}

# That http part in a configuration of its own: 0, and what nginx says.
sub loads
{
    my ($config) = @_;

    my $load = $ENV{TEST_NGINX_LOAD_MODULES};

    File::Path::make_path("$Dir/two/logs");

    my $file = file('two/nginx.conf', ($load ? "load_module $load;\n" : '')
        . "pid $Dir/two/pid;\nevents {}\nhttp {\n$config}\n");
    my $said = `$ENV{TEST_NGINX_BINARY} -t -q -e stderr -p $Dir/two/ -c $file 2>&1`;

    return ($?, $said);
}

# By which addresses the host is asked for the documents of an attachment that
# nobody has; nothing if it is not asked.
sub asked_by
{
    my ($id, %o) = @_;

    my $seen = backend();

    is(request(as => 'petit', get => "/fhir/Binary/$id", %o)->{status}, 404, 'nobody\'s');

    my ($list) = map { $_->{target} =~ /\?location=([^&]*)/ } (backend())[$seen .. backend() - 1];

    return map { s{/?Binary/\Q$id\E\z}{}r } split /,/, $list // '';
}

# A page of a search, with that link to the next one.
sub page
{
    my ($next) = @_;

    return FakeHost::json(encode_json({ resourceType => 'Bundle', type => 'searchset',
        link => [{ relation => 'next', url => $next }], entry => [] }));
}

# Where the server of that name listens, in the configuration that runs.
sub port_of
{
    my ($name) = @_;

    my ($port) = slurp("$ENV{TEST_NGINX_SERVROOT}/conf/nginx.conf")
        =~ /^\s*listen 127\.0\.0\.1:(\d+)[^}]*^\s*server_name \Q$name\E[ ;]/m;

    return $port // die "no server $name\n";
}

sub with_names
{
    my ($names, $config) = @_;

    return $config =~ s/server_name localhost fhir\.test;/server_name $names;/r;
}

# Each is refused: "lines" of that directive in the location, what it says.
sub all_refused
{
    my ($directive, @cases) = @_;

    my $nginx = "$Dir/refused";

    File::Path::make_path("$nginx/conf", "$nginx/logs");

    my $load = $ENV{TEST_NGINX_LOAD_MODULES};

    for my $case (@cases) {
        my ($value, $says) = @$case;
        my $line = $directive . (length $value ? " $value" : '') . ';';

        file('refused/conf/nginx.conf', ($load ? "load_module $load;\n" : '')
            . "pid $nginx/pid;\nevents {}\nhttp {\n"
            . DMP::config(location => $line) . "}\n");

        my $said = `$ENV{TEST_NGINX_BINARY} -t -q -e stderr -p $nginx/ -c conf/nginx.conf 2>&1`;

        isnt($?, 0, "$line refused");
        like($said, qr/\[emerg\] .*$says.* in \S+\/nginx\.conf:\d+/, "$line says why");
    }
}


# "says": what nginx says besides [emerg], in a configuration it refuses
add_block_preprocessor(sub {
    my ($block) = @_;

    return if !defined $block->says;

    $block->set_value(must_die => '');
    $block->set_value(suppress_stderr => '');
    $block->set_value(error_log => join "\n", map { s/^\s+|\s+$//gr }
        grep { /\S/ } split /\n/, $block->says);
});

DMP::run();

__DATA__

=== TEST 60: the name of a record host
--- code
all_refused('dmp_record_host', ['', 'invalid number of arguments'],
    ['"a b"', 'invalid name "a b"'], ['""', 'invalid name ""'],
    ['a\'b', 'invalid name "a\'b"'], ['a\"b', 'invalid name "a"b"'],
    ["h\xc3\xb4te", 'invalid name "h..te": it is 1 to 64 characters of ASCII'],
    ["a\tb", 'invalid parameter "b"'], ['x' x 65, 'invalid name "x{65}"'],
    ['base=http://h', 'invalid name "base=http://h": .* comes before "base="'],
    ['attachments=index', 'invalid name "attachments=index": .* comes before .* "attachments="'],
    ['h other', 'invalid parameter "other"'], ['h base', 'invalid parameter "base"'],
    ['h BASE=http://h', 'invalid parameter "BASE=http://h"'],
    ['h attachments', 'invalid parameter "attachments"']);



=== TEST 61: the addresses that it gives itself
--- code
all_refused('dmp_record_host', map { ["h base=$_", "invalid address in \"base=\Q$_\E\""] }
    '', 'http://', 'https://', 'http:///x', 'h', '/fhir', 'ftp://h', 'HTTP://h', 'http:h', 'https:/h',
    'http://h?x', 'http://h/#x', 'http://h/?', "http://h/\xc3\xa9");
all_refused('dmp_record_host', ['h "base=http://h/a b"', 'invalid address in "base=http://h/a b"'],
    ['h base=http://h base=http://h/', '"base=http://h/" is given twice'],
    ['h ' . join(' ', map { "base=http://h$_" } 1 .. 6),
        '"base=http://h6" is one too many: a record host has at most 5 addresses']);



=== TEST 62: duplicates
--- dmp: location => 'dmp_record_host a; dmp_record_host b;'
--- says
\[emerg\] .*"dmp_record_host" directive is duplicate in



=== TEST 63: names and addresses that are none of these
--- dmp: http => 'dmp_record_host outer base=http://outer;', location => 'dmp_record_host ' . join(' ', 'x' x 64, 'base=http://h', 'base=https://h/', 'base=http://h:8080/a/b/', 'base=https://[::1]/fhir', 'base=http://h/caf%C3%A9') . ';'
--- code
is(request(get => '/fhir/x')->{status}, 401, 'it runs');



=== TEST 64: two servers of one name: nobody knows whether their hosts are one
--- http_config eval: main::twice('localhost')
--- says
\[emerg\] .*location /fhir/ in \S+/nginx\.conf:\d+ and location /fhir/ in \S+/nginx\.conf:\d+ would both have the record host "localhost/fhir": say with "dmp_record_host NAME" in each whether it is one host or two



=== TEST 65: nor of two that have no name
--- http_config eval: main::twice('""') =~ s/server_name localhost fhir\.test;//r
--- says
\[emerg\] .*would both have the record host "/fhir": say with



=== TEST 66: where the protection is inherited, the lines are those of dmp_resource
--- http_config eval: main::twice('localhost', http => 'dmp on;') =~ s/^\s*dmp on;\n(?=\s*dmp_resource)//mgr
--- says
\[emerg\] .*location /fhir/ in (\S+/nginx\.conf):(\d+) and location /fhir/ in \1:(?!\2 )\d+ would both



=== TEST 67: one of them says it, and it is the other's default
--- http_config eval: main::twice('localhost') =~ s/dmp_resource fhir;/dmp_resource fhir; dmp_record_host localhost\/fhir;/r
--- says
\[emerg\] .*would both have the record host "localhost/fhir": say with



=== TEST 68: both say that it is one, or that it is two; or their names differ
--- code
my $say = sub { my @names = @_; main::twice('localhost') =~ s/dmp_resource fhir;/'dmp_resource fhir; dmp_record_host ' . shift(@names) . ';'/ger };
for my $config ($say->('a', 'a'), $say->('a', 'b'), main::twice('other'),
    $say->('a attachments=index', 'a base=http://h attachments=index'),
    $say->('a attachments=index', 'b'), $say->('a', 'a attachments=search'),
    main::twice('localhost', http => 'dmp_record_host one attachments=index;'))
{
    my ($rc, $said) = main::loads($config);
    is($rc, 0, 'it loads') or diag $said;
}



=== TEST 69: "if", "limit_except" and what is nested are no other host
--- dmp: location => 'if ($arg__pretty) { set $x 1; } limit_except GET { deny all; } location /fhir/DocumentReference/x { proxy_pass http://record_host; }', server => 'location @denied { dmp_denied; dmp_resource fhir; } location /off/ { dmp off; dmp_resource fhir; }'
--- code
is(request(get => '/fhir/x')->{status}, 401, 'it runs');



=== TEST 691: who says which documents have an attachment
--- code
all_refused('dmp_record_host', map { ["h attachments=$_",
    "invalid value in \"attachments=\Q$_\E\": it is \"search\" or \"index\""] }
    '', 'Search', 'INDEX', 'both', 'search,index', 'searching');
all_refused('dmp_record_host', map { ["h $_ base=http://h $_",
    "\"$_\" is one too many: \"attachments=\" is given twice"] }
    'attachments=search', 'attachments=index');
all_refused('dmp_record_host', ['h attachments=search attachments=index',
    '"attachments=index" is one too many']);



=== TEST 692: locations of one host must say the same of it
--- http_config eval: my @say = ('', ' attachments=index'); main::twice('other') =~ s/dmp_resource fhir;/'dmp_resource fhir; dmp_record_host one' . shift(@say) . ';'/ger
--- says
\[emerg\] .*location /fhir/ in \S+/nginx\.conf:\d+ and location /fhir/ in \S+/nginx\.conf:\d+ would both have the record host "one": say the same "attachments=" in each



=== TEST 693: with attachments=index the host is not asked for them
--- http_config eval: DMP::config(http => 'dmp_record_host silent attachments=index;')
--- code
is_deeply([asked_by('nowhere-1')], [], 'inherited');



=== TEST 694: a dmp_record_host further in replaces it
--- http_config eval: DMP::config(http => 'dmp_record_host silent attachments=index base=http://outer;', location => 'dmp_record_host asked;')
--- code
my @by = asked_by('nowhere-2');
ok(scalar @by, 'asked');
is(scalar(grep { /outer/ } @by), 0, 'by its own addresses');



=== TEST 695: the addresses of a host are those of all locations that lead to it, and no client's
--- http_config eval
main::with_names('dmp.test "" _ -- *.wild.test .wild2.test www.wild.* ~^re\. [::1] Dmp.Test gw_1.test',
    main::twice('cards.test', http => 'dmp_record_host one base=http://inside:8080/r4/ base=http://dmp.test/fhir;',
        location => 'if ($arg__pretty) { set $x 1; }')
    . "    server { listen 127.0.0.1:" . DMP::Proc::free_port() . "; server_name other.test;\n"
    . "        location /other/ { dmp on; dmp_resource fhir; dmp_record_host other; proxy_pass http://record_host; }\n"
    . "        location /off/ { proxy_pass http://record_host; } }\n"
    . "    server { listen 127.0.0.1:" . DMP::Proc::free_port() . "; server_name third.test;\n"
    . "        location /r5 { dmp on; dmp_resource fhir; proxy_pass http://127.0.0.1:1; }\n"
    . "        location /r6/ { dmp on; dmp_resource fhir; proxy_pass http://127.0.0.1:80; }\n"
    . "        location /r7 { dmp on; dmp_resource fhir; proxy_pass http://unix:/none; } }\n")
--- code
my $n = 0;
my @all = ('', '/fhir', 'http://inside:8080/r4', '/r5', '/r6', '/r7',
    'http://127.0.0.1:1/r5', 'https://127.0.0.1:1/r5', 'http://127.0.0.1/r6', 'https://127.0.0.1:80/r6',
    map { ("https://$_", "http://$_") } 'record_host/fhir', 'dmp.test/fhir', '[::1]/fhir', 'gw_1.test/fhir',
        'cards.test/fhir',
        'localhost/r7', map { "third.test/$_" } qw(r5 r6 r7));
for my $o ([], [headers => ['Host: evil.test']], [headers => ['Host: cards.test:1']],
    [port => port_of('cards.test')], [port => port_of('cards.test'), headers => ['Host: wild.test']])
{
    is_deeply([sort(main::asked_by('nowhere-3' . $n++, @$o))], [sort @all], "@$o");
}



=== TEST 696: what "if" makes of a location knows them too
--- http_config eval: main::with_names('dmp.test', DMP::config(location => 'if ($http_x) { set $x 1; } limit_except POST { allow all; }'))
--- code
is_deeply([sort(main::asked_by('nowhere-4', headers => ['X: 1']))],
    [sort('', '/fhir', map { ("https://$_/fhir", "http://$_/fhir") } 'record_host', 'dmp.test')], 'the same');



=== TEST 697: they are so many at the most
--- code
my @names = map { "n$_.test" } 1 .. 15;
my ($rc, $said) = loads(with_names("@names[0 .. 13]", DMP::config()));
is($rc, 0, '14 names, and how it is asked') or diag $said;
for my $config (with_names("@names", DMP::config()),
    with_names("@names[0 .. 13]", twice('n15.test', http => 'dmp_record_host h;')),
    with_names("@names[0 .. 13]", DMP::config(location => 'dmp_record_host h base=http://h;')))
{
    ($rc, $said) = loads($config);
    isnt($rc, 0, 'one too many');
    like($said, qr{\[emerg\] .*location /fhir/ in \S+/nginx\.conf:\d+: its record host "\S+" comes to more than 31 addresses, two for each name of a server: give fewer in "server_name" of the servers that lead to it, or split these among record hosts of other names}, 'says why');
}
my @two = ('', 'dmp_record_host other;');
($rc, $said) = loads(with_names("@names[0 .. 13]", twice('n15.test')) =~ s/dmp_resource fhir;/"dmp_resource fhir; " . shift @two/ger);
is($rc, 0, 'two hosts have room for more') or diag $said;
($rc, $said) = loads(with_names("@names[0 .. 13]", DMP::config(location => 'dmp_record_host h base=http://n1.test/fhir base=https://n9.test/fhir/;')));
is($rc, 0, 'twice the same is once') or diag $said;



=== TEST 698: pages under both names of the configuration that is shipped
--- http_config eval
my $host = DMP::slurp('conf/dmp-server.conf');
my ($record_host) = $host =~ /^\s*(dmp_record_host [^;]*;)/m;
my ($header) = $host =~ /^\s*(proxy_set_header\s+Host [^;]*;)/m;
my @names = grep { $_ ne '_' } DMP::slurp('conf/nginx.conf') =~ /^\s*server_name (\S+);/mg;
my ($name) = $header =~ /(\S+);/;
$main::Fake = FakeHost->new('/fhir/DocumentReference' => main::page("https://$name/fhir/DocumentReference?page=2"));
@main::Names = @names;
main::with_names($names[0], main::twice($names[1], backend => $main::Fake->{address}, location => "$record_host $header"))
--- code
import_records({ ins => $main::Martin, status => 'open', traits => { family => 'MARTIN', given => 'Jeanne' },
    authorisations => { '899700314422' => { since => '2020-01-01', until => '2100-01-01', by => 'patient' } } });
is(scalar @main::Names, 2, 'names');
for my $name (@main::Names) {
    my @as = (as => 'petit', port => port_of($name), headers => ["Host: $name"]);
    my $r = request(@as, get => "/fhir/DocumentReference?patient.identifier=urn:oid:1.2.250.1.213.1.4.8|$main::Martin");
    is($r->{status}, 200, "$name: the first page");
    my ($next) = map { $_->{url} } @{ $r->{json}{link} };
    like($next, qr{^https://\Q$name\E/fhir/DocumentReference\?_page=}, 'the next is under the same name');
    is(request(@as, get => $next =~ s{^https://[^/]*}{}r)->{status}, 200, 'and leads there');
    like(($main::Fake->requests)[-1], qr{^GET /fhir/DocumentReference\?page=2 .*^Host: dmp\.example\.org}ms, 'as the host wrote it');
}



=== TEST 70: F9: limits: numbers and sizes out of their bounds
--- code
for my $case (['dmp_max_answer_entries', 'number', 1, 100000], ['dmp_max_answer_depth', 'number', 8, 64],
    ['dmp_max_parameters', 'number', 1, 1024], ['dmp_max_target_size', 'size', 256, 8192],
    ['dmp_max_form_size', 'size', 256, 1048576])
{
    my ($name, $what, $low, $high) = @$case;
    all_refused($name, ['', 'invalid number of arguments'],
        map { [$_, "invalid value \"$_\" of \"$name\": it is a $what from $low to $high"] }
            $low - 1, $high + 1, '-1', 'many', '1.5', '0x10', '99999999999999999999');
}
all_refused('dmp_max_parameters', ['1k', 'invalid value "1k"']);
all_refused('dmp_max_form_size', ['2m', 'invalid value "2m"']);



=== TEST 71: duplicates
--- code
for my $case (['dmp_max_answer_entries', 5], ['dmp_max_answer_depth', 9], ['dmp_max_parameters', 5],
    ['dmp_max_target_size', '1k'], ['dmp_max_form_size', '1k'], ['dmp_max_answer_size', '1k'])
{
    my ($name, $value) = @$case;
    all_refused("$name $value; $name", [$value, "\"$name\" directive is duplicate"]);
}



=== TEST 72: and within their bounds, at each level
--- dmp: http => 'dmp_max_answer_entries 1; dmp_max_answer_depth 8; dmp_max_parameters 1; dmp_max_target_size 256; dmp_max_form_size 256;', server => 'client_max_body_size 1k; dmp_max_answer_entries 100000; dmp_max_answer_depth 64; dmp_max_parameters 1024; dmp_max_target_size 8k; dmp_max_form_size 1m;', location => 'dmp_max_answer_entries 10; dmp_max_answer_depth 10; dmp_max_parameters 10; dmp_max_target_size 1k; dmp_max_form_size 2k;'
--- code
is(request(get => '/fhir/x')->{status}, 401, 'it runs');



=== TEST 80: D6: the method that was decided is the one that is sent
--- code
all_refused('proxy_method', map { [$_, '"proxy_method" cannot be used with "dmp on"'] }
    'DELETE', 'GET', '$arg_method');



=== TEST 81: C2: and so is the form
--- code
all_refused('proxy_set_body', map { [$_, '"proxy_set_body" cannot be used with "dmp on"'] }
    'x', '$request_body', '""');
all_refused('proxy_pass_request_body', ['off', '"proxy_pass_request_body" cannot be used']);
all_refused('proxy_pass_request_headers', ['off', '"proxy_pass_request_headers" cannot be used']);



=== TEST 82: D10: no header speaks for the gateway, however it is spelt
--- code
all_refused('proxy_set_header', map { [$_, '"proxy_set_header ' . (split ' ')[0]
    . '" cannot be used with "dmp on"'] } 'DMP-Trace-Receipt x', 'dmp-trace-receipt ""',
    'Dmp_Trace_Receipt $http_x', 'DMP-Access-Mode normal', 'X-DMP-User $ssl_client_s_dn',
    'DMP-Anything x');



=== TEST 83: D6, C4, F5, F6, F7, F11, F15: nor makes another request of it
--- code
all_refused('proxy_set_header', map { [$_, '"proxy_set_header ' . (split ' ')[0]
    . '" cannot be used with "dmp on"'] } 'X-HTTP-Method-Override $http_x', 'X-Original-URL /x',
    'Accept-Encoding gzip', 'Range bytes=0-9', 'If-None-Match $http_if_none_match',
    'Prefer return=minimal', 'TE trailers', 'Upgrade $http_upgrade', 'Connection "upgrade"',
    'Accept application/fhir+xml', 'Content-Type application/json', 'content_type text/plain',
    'Content-Length ""', 'Content-Length 0', 'Transfer-Encoding chunked',
    'Content-Encoding gzip', 'Expect 100-continue', 'Accept-Charset utf-8',
    'If_Match $http_if_match', 'X-Forwarded-Uri $request_uri', 'Cookie "__Host-dmp-session=x"');



=== TEST 84: D10: where it is inherited too
--- dmp: http => 'proxy_set_header X-DMP-User x;', proxy => 'http://record_host; #'
--- http_config eval: DMP::config(http => 'proxy_set_header X-DMP-User x;') =~ s/^\s*proxy_set_header Connection "";//mr
--- says
\[emerg\] .*"proxy_set_header X-DMP-User" cannot be used with "dmp on" in \S+/nginx\.conf:\d+, location /fhir/



=== TEST 85: D10: what the record host may want to know of the gateway
--- dmp: location => 'proxy_set_header Host record.test; proxy_set_header Authorization "Basic eDp5"; proxy_set_header Proxy-Authorization x; proxy_set_header Accept-Encoding ""; proxy_set_header Upgrade ""; proxy_set_header Accept application/fhir+json; proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Subject $dmp_subject;'
--- code
import_records({ ins => '285037512000151', status => 'open', traits => { family => 'MARTIN', given => 'Jeanne' },
    authorisations => { '899700314422' => { since => '2020-01-01', until => '2100-01-01', by => 'patient' } } });
my $path = '/fhir/DocumentReference?patient.identifier=urn:oid:1.2.250.1.213.1.4.8|285037512000151';
is(request(as => 'petit', get => $path)->{status}, 200, 'served');
my %got = map { lc $_->[0] => $_->[1] } @{ (backend())[-1]{headers} };
is($got{authorization}, 'Basic eDp5', 'credentials');
is($got{host}, 'record.test', 'host');
is($got{'x-subject'}, '899700314422', 'who asks');
is($got{'accept-encoding'}, undef, 'nothing where it says so');
like($got{'dmp-trace-receipt'}, qr/^\S+ test\//, 'and the receipt');



=== TEST 86: D1: the address of the record host, which no request has a say in
--- dmp: proxy => 'http://$http_x'
--- says
\[emerg\] .*"dmp_resource" in \S+/nginx\.conf:\d+, location /fhir/, needs "proxy_pass" with an address without variables: what was decided must be what is sent



=== TEST 87: D1: nor its path
--- dmp: proxy => 'http://record_host$uri'
--- says
\[emerg\] .*"dmp_resource" in \S+/nginx\.conf:\d+, location /fhir/, needs "proxy_pass" with an address without variables



=== TEST 88: A5: files are no record host
--- dmp: locations => 'location /fhir/ { dmp on; dmp_resource fhir; root /; }'
--- says
\[emerg\] .*"dmp_resource" in \S+/nginx\.conf:\d+, location /fhir/, needs "proxy_pass"



=== TEST 89: A5: nor is what does not speak HTTP
--- dmp: locations => 'location /fhir/ { dmp on; dmp_resource fhir; fastcgi_pass 127.0.0.1:1; }'
--- says
\[emerg\] .*"dmp_resource" in \S+/nginx\.conf:\d+, location /fhir/, needs "proxy_pass"



=== TEST 90: A5: one location, one record host
--- dmp: location => 'if ($arg__pretty) { proxy_pass http://127.0.0.1:1; }'
--- says
\[emerg\] .*"proxy_pass" cannot be used with "dmp on" in \S+/nginx\.conf:\d+, location /fhir/: inside "if" or "limit_except" it leads to another record host; give that one a location of its own



=== TEST 91: A5: also in "limit_except"
--- dmp: location => 'limit_except GET { proxy_pass http://127.0.0.1:1; }'
--- says
\[emerg\] .*"proxy_pass" cannot be used with "dmp on" in \S+/nginx\.conf:\d+, location /fhir/: inside



=== TEST 92: F5, F13: parts of an answer, wherever they are asked for
--- dmp: http => 'slice 1m;'
--- says
\[emerg\] .*"slice" cannot be used with "dmp on" in \S+/nginx\.conf:\d+, location /fhir/: .*; set it to 0 in this location



=== TEST 93: F5: or offered
--- dmp: location => 'proxy_force_ranges on;'
--- says
\[emerg\] .*"proxy_force_ranges" cannot be used with "dmp on" in



=== TEST 94: F19: another status where the host knows no such document
--- dmp: http => 'proxy_intercept_errors on;'
--- says
\[emerg\] .*"proxy_intercept_errors" cannot be used with "dmp on" in \S+/nginx\.conf:\d+, location /fhir/: .*; turn it off in this location



=== TEST 95: F13: commands to nginx in what somebody has written
--- dmp: server => 'ssi on;'
--- says
\[emerg\] .*"ssi" cannot be used with "dmp on" in



=== TEST 96: F13: and what would stand beside it
--- code
all_refused('add_before_body', ['/x', '"add_before_body" cannot be used with "dmp on"']);
all_refused('add_after_body', ['/x', '"add_after_body" cannot be used with "dmp on"']);



=== TEST 97: F17: what the host would have pushed to the client
--- dmp: location => 'http2_push_preload on;'
--- says
\[emerg\] .*"http2_push_preload" cannot be used with "dmp on" in



=== TEST 98: A10: an action after the request
--- dmp: location => 'post_action /x;'
--- says
\[emerg\] .*"post_action" cannot be used with "dmp on" in



=== TEST 99: F12: where a cache is not ours it is nobody's business; nor what is turned off
--- dmp: http => "proxy_cache_path $main::Dir/cache keys_zone=c:1m; proxy_cache c; fastcgi_cache_path $main::Dir/fcache keys_zone=f:1m; slice 1m; ssi on; proxy_intercept_errors on; proxy_force_ranges on; add_after_body /x; http2_push_preload on;", location => 'proxy_cache off; proxy_store off; slice 0; ssi off; proxy_intercept_errors off; proxy_force_ranges off; add_after_body ""; http2_push_preload off;', server => 'fastcgi_cache f; location /other { proxy_pass http://record_host/fhir/; }'
--- code
is(request(get => '/fhir/x')->{status}, 401, 'it runs');



=== TEST 100: A10, F13: nor where nothing is forwarded: in the API, and in a refusal of all
--- code
for my $line ('post_action /x', 'ssi on', 'add_before_body /x', 'add_after_body /x',
    'http2_push_preload on')
{
    my ($name) = split / /, $line;
    for my $kind ('dmp_api;', 'dmp_denied;') {
        my ($rc, $said) = loads(DMP::config(server => "location /api/ { $kind $line; }"));
        isnt($rc, 0, "$kind $line: refused");
        like($said, qr/\[emerg\] .*"$name" cannot be used with .* location \/api\//, 'and says why');
    }
}
for my $kind ('dmp_api;', 'dmp_denied;') {
    my ($rc, $said) = loads(DMP::config(server => "location /api/ { $kind }"));
    is($rc, 0, "$kind alone loads") or diag $said;
}
