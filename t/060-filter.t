# What the record host answers is held until it is judged; of what cannot be
# judged nothing leaves, whichever way the host or the network misbehave.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeHost;
use Test::More;

our $Secret = 'SECRET-OF-A-PATIENT';
our $Flag = DMP::Proc::dir() . '/misbehave';

my $ins = 'urn:oid:1.2.250.1.213.1.4.8';
my $who = "Patient?identifier=$ins|285037512000151";

import_records({ ins => '285037512000151', status => 'open',
    traits => { family => 'MARTIN', given => 'Jeanne' },
    emergency => { bris_de_glace => JSON::PP::true,
        centre_15 => JSON::PP::true, masked => JSON::PP::false },
    authorisations => { '899700314422' => { since => '2020-01-01',
        until => '2100-01-01', by => 'patient' } } });


# Steps that the host takes only once the file is there; until then, others.
package Turn {
    use overload '@{}' => sub { $_[0]->() }, fallback => 1;

    sub new
    {
        my ($class, $good, $bad) = @_;

        return bless sub { -e $main::Flag ? $bad : $good }, $class;
    }
}

sub document
{
    my ($id) = @_;

    return qq({"resourceType":"DocumentReference","id":"$id",)
        . qq("status":"current","subject":{"reference":"$who"},)
        . qq("description":"$Secret","content":[]});
}

sub bundle
{
    my ($more, $type) = @_;

    $type //= 'searchset';

    return qq({"resourceType":"Bundle","type":"$type","total":1,)
        . ($more // '') . '"entry":[{"resource":' . document('doc') . '}]}';
}

sub status
{
    my ($status, %headers) = @_;

    return sub { FakeHost::answer($status, { %headers }, $_[0]) };
}

sub typed { my ($type) = @_; return status(200, 'Content-Type' => $type) }
sub text { my ($change) = @_; return sub { FakeHost::json($change->($_[0])) } }
sub half { return substr $_[0], 0, int(length($_[0]) / 2) }

# What the host does with a search answer or a document that it should send.
# The status is 502 but where it is given: of a search, of a document.
our @Faults = (
    ['text after the end', text(sub { "$_[0]}" })],
    ['two texts', text(sub { "$_[0]$_[0]" })],
    ['a comma too many', text(sub { $_[0] =~ s/\}\z/,}/r })],
    ['half a text', text(\&half)],
    ['a byte order mark', text(sub { "\xef\xbb\xbf$_[0]" })],
    ['a NUL', text(sub { $_[0] =~ s/"status"/\0"status"/r })],
    ['an escape that is none', text(sub { $_[0] =~ s/SECRET/\\xSECRET/r })],
    ['bytes that are not UTF-8', text(sub { $_[0] =~ s/SECRET/\xff SECRET/r })],
    ['UTF-16', text(sub { join '', map { "$_\0" } split //, $_[0] })],
    ['C3: nesting', text(sub { $_[0] =~ s/"content":\[\]/'"content":' . '[' x 500
        . ']' x 500/er })],
    ['C3: a member twice', text(sub { $_[0] =~ s/("resourceType":"\w+",)/$1$1/r })],
    ['C3: a member twice, spelt with an escape', text(sub {
        $_[0] =~ s/"resourceType":"(\w+)",/$&"resource\\u0054ype":"$1",/r })],
    ['a subject twice', text(sub { $_[0] =~ s/"subject":\{/"subject":{},$&/r })],
    ['a list', text(sub { "[$_[0]]" })],
    ['nothing', text(sub { '' })],
    ['null', text(sub { 'null' })],
    ['another resource', text(sub { qq({"resourceType":"Binary","id":"doc",)
        . qq("contentType":"text/plain","data":"$Secret"}) })],
    ['an outcome', text(sub { qq({"resourceType":"OperationOutcome","issue":)
        . qq([{"severity":"error","code":"x","diagnostics":"$Secret"}]}) })],
    ['F7: plain text', typed('text/plain')],
    ['F7: no type', status(200, 'Content-Type' => undef)],
    ['F7: XML', typed('application/fhir+xml')],
    ['F7: lines of JSON', typed('application/fhir+ndjson')],
    ['F7: JSON by its beginning', typed('application/jsonx')],
    ['F7: several parts', typed('multipart/mixed; boundary=application/json')],
    ['F5: a part', status(206, 'Content-Range' => 'bytes 0-9/10000')],
    ['F5: a part that is not said to be one',
        status(200, 'Content-Range' => 'bytes 0-9/10000')],
    ['201', status(201)], ['202', status(202)], ['203', status(203)],
    ['F3: 204', sub { FakeHost::answer(204, {}, '') }],
    ['F11: 304', sub { FakeHost::answer(304, { ETag => $Secret }, '') }],
    ['300', status(300)],
    ['F17: 302', status(302, Location => "http://x/$Secret")],
    ['F10: 400', status(400)],
    ['F10: 401', status(401, 'WWW-Authenticate' => $Secret)],
    ['F10: 403', status(403)], ['F10: 500', status(500)],
    ['F10: 503', status(503, 'Retry-After' => $Secret)],
    ['F10: 404', status(404), 502, 404], ['F10: 410', status(410), 502, 404],
    ['F14: X-Accel-Redirect', status(200, 'X-Accel-Redirect' => '/private/x')],
    ['F14: to a protected location', status(200, 'X-Accel-Redirect' => '/f0/x')],
    ['F14: to a named location', status(200, 'X-Accel-Redirect' => '@private')],
);

# And those that depend on how nginx reads it.  A document that lacks but its
# closing chunk is enough to know whose it is, though not to be shown.
our $Asked = 'allow G1, error H1';
our @Network = (
    ['F6: gzip', sub { FakeHost::gzip($_[0]) }],
    ['F6: an encoding unknown', status(200, 'Content-Encoding' => 'br')],
    ['truncated', sub { FakeHost::truncated($_[0], length(half($_[0]))) }],
    ['truncated before the body', sub { FakeHost::truncated($_[0], 0) }],
    ['truncated by a byte', sub { FakeHost::truncated($_[0], length($_[0]) - 1) }],
    ['chunks without an end', sub { FakeHost::chunked([half($_[0])], 'close') }],
    ['all chunks but the last', sub { FakeHost::chunked([$_[0]], 'close') }],
    ['closed before the header', sub { [['close']] }],
    ['closed inside the header', sub { [[send => "HTTP/1.1 200 OK\r\nX: $Secret"],
        ['close']] }],
    ['F9: too large', text(sub { $_[0] =~ s/\A\{/'{' . ' ' x 5000/er })],
    ['F9: too large, in chunks', sub { FakeHost::chunked([(' ' x 500) x 10,
        $_[0]]) }],
);

# Of a search alone, or of a document alone.
our @OfSearch = (
    (map { my $type = $_; ["Bundle of type $type", sub { FakeHost::json(
        bundle('', $type)) }] } qw(collection history document batch-response
        transaction message Searchset)),
    ['no type', text(sub { $_[0] =~ s/"type":"searchset",//r })],
    ['F18: a member unknown', sub { FakeHost::json(bundle(qq("x":"$Secret",))) }],
    ['F18: contained', sub { FakeHost::json(bundle('"contained":['
        . document('x') . '],')) }],
    ['F18: an entry with a response', text(sub { $_[0] =~ s/\{"resource"/{"response":{"outcome":@{[ document('x') ]}},"resource"/r })],
    ['entries twice', sub { FakeHost::json(bundle('"entry":[],')) }],
    ['entries that are no list', text(sub { $_[0] =~ s/"entry":\[(.*)\]\}\z/"entry":$1}/r })],
    ['an entry that is none', text(sub { $_[0] =~ s/"entry":\[/"entry":["$Secret",/r })],
    ['a document', sub { FakeHost::json(document('doc')) }],
);

our @OfRead = (
    ['another id', text(sub { $_[0] =~ s/"id":"/"id":"x/r })],
    ['no id', text(sub { $_[0] =~ s/"id":"\w+",//r })],
    ['a search answer', sub { FakeHost::json(bundle()) }],
);

# The nth fault is the host's behaviour below /fn/; there "doc" is good until
# the flag is there, "fresh" never.
our @All = (@Faults, @Network, @OfSearch, @OfRead);

sub faulty
{
    my ($more) = @_;

    my %paths;

    for my $n (0 .. $#All) {
        my $steps = $All[$n][1];

        $paths{"/f$n/DocumentReference"} = $steps->(bundle());
        $paths{"/f$n/DocumentReference/fresh"} = $steps->(document('fresh'));
        $paths{"/f$n/DocumentReference/doc"} = Turn->new(
            FakeHost::json(document('doc')), $steps->(document('doc')));
    }

    unlink $Flag;

    our $Fake = FakeHost->new(%paths);

    my $locations = join '', map { <<"END" } map { "/f$_/" } 0 .. $#All;
        location $_ {
            dmp on;
            dmp_resource fhir;
            dmp_max_answer_size 4k;
            proxy_pass http://record_host;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            $more
        }
END

    return backend => $Fake->{address}, locations => $locations . <<"END";
        location /private/ {
            internal;
            default_type application/fhir+json;
            return 200 '@{[ document('private') ]}';
        }

        location \@private {
            default_type application/fhir+json;
            return 200 '@{[ document('private') ]}';
        }
END
}

# What is JSON and not that document, or not one that can be judged: asked about
# ahead, it is not told from one that is not there.
our %Unread = map { $_ => 1 } 'C3: nesting', 'a list', 'null',
    'another resource', 'an outcome', 'F14: X-Accel-Redirect',
    'F14: to a named location', 'another id', 'no id', 'a search answer';

# Sends the request to each location: the status is the one documented, no byte
# of the document leaves, it is traced as "rule", and the outcome is what the
# client got.  Only the faults of the network meet both protocols.
sub all_fail
{
    my ($what, $path, $rule, $which, @faults) = @_;

    my %want;
    my $mark = trace_mark();

    for my $n (0 .. $#All) {
        my ($name, undef, @status) = @{ $All[$n] };

        next if !grep { $_ == $All[$n] } @faults;

        my $both = grep { $_ == $All[$n] } @Network;

        for my $http ($both ? ('1.1', '2') : $n % 2 ? '1.1' : '2') {
            my $r = request(as => 'petit', get => "/f$n$path", http => $http);
            my $status = $which == 2
                ? ($Unread{$name} ? 404 : $status[1] // 502)
                : $status[$which] // 502;
            my $said = $r->{json}{issue}[0]{details}{coding}[0]{code} // '-';
            my $leaves = "$r->{head}$r->{body}" =~ /(SECRET|martin|2850375120)/i;

            is("$r->{status} $said" . ($leaves ? " and $1 leaves" : '')
                . ($r->{curl} ? " curl $r->{curl}" : ''), $status . ($status == 404
                ? ' document-foreign' : ' answer-unchecked'),
                "$what $http: $name");
            $want{$r->{headers}{'dmp-trace-id'} // 'none'} = [$status, "$http $name"];
        }
    }

    # each has an outcome, which is what the client got
    my $from = $mark;
    my %ended;

    eval { wait_for {
        my $here = trace_mark();
        $ended{$_->{trace}} = "$_->{status} $_->{shown}"
            for map { @{ $_->{body}{outcomes} } } trace($from, qr/^outcome$/);
        $from = $here;
        !grep { !$ended{$_} } CORE::keys %want;
    } 'the outcomes', 10 };

    is_deeply([sort grep { defined } map { ($ended{$_} // 'no outcome')
        eq "$want{$_}[0] 0" ? undef : "$want{$_}[1]: " . ($ended{$_} // 'none') }
        CORE::keys %want], [], "$what: the outcome of each");

    my %rules;
    $rules{"$_->{body}{decision} $_->{body}{rule}"}++ for trace($mark);
    is_deeply([sort { $a cmp $b } CORE::keys %rules], [split /, /, $rule],
        "$what: traced as such") or diag explain \%rules;
}

sub search_fails
{
    my ($what, @faults) = @_;

    all_fail("$what search", '/DocumentReference?patient.identifier='
        . "$ins|285037512000151", 'allow G1', 0, @faults);
}

sub read_fails
{
    my ($what, @faults) = @_;

    unlink $Flag;

    for my $n (grep { my $fault = $All[$_]; grep { $_ == $fault } @faults } 0 .. $#All) {
        my $r = request(as => 'petit', get => "/f$n/DocumentReference/doc");
        fail("$All[$n][0] - good at first") if $r->{body} !~ /$Secret/;
    }

    open my $out, '>', $Flag or die;

    all_fail("$what read", '/DocumentReference/doc', 'allow G1',
        1, @faults);
}

sub question_fails
{
    my ($what, $rule, @faults) = @_;

    all_fail("$what question", '/DocumentReference/fresh', $rule, 2, @faults);
}

# One location, one behaviour of the host, of a search.
our $Query = "/DocumentReference?patient.identifier=$ins|285037512000151";
our $Single = "/fhir$Query";
our $Fake;

sub single
{
    my ($steps) = @_;

    $Fake = FakeHost->new('/fhir/DocumentReference' => $steps->(bundle()));

    return backend => $Fake->{address};
}

sub single_fails
{
    my (@more) = @_;

    for my $http ('1.1', '2') {
        my $mark = trace_mark();
        my $r = request(as => 'petit', get => $Single, http => $http, @more);

        is($r->{curl}, 0, "$http a whole answer");
        is($r->{status}, 502, "$http status");
        is($r->{json}{issue}[0]{details}{coding}[0]{code}, 'answer-unchecked',
            "$http reason");
        unlike("$r->{head}$r->{body}", qr/SECRET|2850375120/, "$http nothing leaves");

        my $outcome = eval { wait_for {
            (map { @{ $_->{body}{outcomes} } } trace($mark, qr/^outcome$/))[0]
        } 'the outcome', 3 };

        is($outcome && "$outcome->{status} $outcome->{shown} $outcome->{reason}",
            '502 0 answer-unchecked', "$http outcome");
    }
}

sub sized
{
    my %paths;

    for my $size (4096, 4097) {
        my $body = bundle() . ' ' x ($size - length bundle());

        $paths{"/length-$size/DocumentReference"} = FakeHost::json($body);
        $paths{"/chunks-$size/DocumentReference"} = FakeHost::chunked(
            [$body =~ /(.{1,1000})/gs]);
    }

    $Fake = FakeHost->new(%paths);

    return backend => $Fake->{address}, locations => join '', map { <<"END" }
        location $_/ {
            dmp on;
            dmp_resource fhir;
            dmp_max_answer_size 4k;
            proxy_pass http://record_host;
        }
END
        map { s{/DocumentReference}{}r } CORE::keys %paths;
}

sub redirected
{
    my $masked = document('doc') =~ s/"content"/"securityLabel":[{"coding":[{"code":"MASQUE_PS"}]}],"content"/r;

    $Fake = FakeHost->new('/fhir/DocumentReference/doc' =>
        FakeHost::answer(200, { 'X-Accel-Redirect' => '/private/doc' }, ''));

    return backend => $Fake->{address}, server => <<"END";
        location /private/ {
            internal;
            default_type application/fhir+json;
            return 200 '$masked';
        }
END
}

DMP::run();

__DATA__

=== TEST 1: C3, F1, F2, F7, F10, F11, F14, F18: a search that cannot be judged
--- dmp: faulty('')
--- code
search_fails('any', @Faults, @OfSearch);



=== TEST 2: C3, F1, F2, F7, F10, F11, F14: a document that cannot be judged
--- dmp: faulty('')
--- code
read_fails('any', @Faults, @OfRead);



=== TEST 3: nor asked about
--- dmp: faulty('')
--- code
question_fails('any', 'deny H1, error H1', @Faults, @OfRead);



=== TEST 4: F6, F8: it ends early, is encoded or too large
--- dmp: faulty('')
--- code
search_fails('buffered', @Network);
read_fails('buffered', @Network);
question_fails('buffered', $Asked, @Network);



=== TEST 5: F8: the same where nginx does not buffer
--- dmp: faulty('proxy_buffering off;')
--- code
search_fails('unbuffered', @Network);
read_fails('unbuffered', @Network);
question_fails('unbuffered', $Asked, @Network);



=== TEST 6: F8: or has little room for it
--- dmp: faulty('proxy_buffer_size 1k; proxy_buffers 2 1k; proxy_busy_buffers_size 1k;')
--- code
search_fails('small buffers', @Network);
read_fails('small buffers', @Network);
question_fails('small buffers', $Asked, @Network);



=== TEST 7: F8: a chunk that is none, in the middle of an answer
--- dmp: single(sub { [@{ FakeHost::chunked([half($_[0])]) }[0, 1], [send => "xyz\r\n$Secret\r\n0\r\n\r\n"], ['close']] })
--- code
single_fails();



=== TEST 8: F15: a change of protocol, asked for by the client alone
--- dmp: single(sub { [[send => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n$Secret"]] })
--- code
single_fails(headers => ['Upgrade: websocket']);
my $answer = eval { request_raw('petit', "GET $Single HTTP/1.1\r\n"
    . "Host: localhost\r\nUpgrade: websocket\r\n\r\nGET /more HTTP/1.1\r\n"
    . "Host: localhost\r\nConnection: close\r\n\r\n", 2) } // $@;
unlike($answer, qr/SECRET/, 'nothing of what follows leaves');
is(scalar(grep { /more/ } $Fake->requests), 0, 'nor gets to the host');



=== TEST 9: an answer that is not HTTP
--- dmp: single(sub { [[send => "$Secret\r\n\r\n$_[0]"], ['close']] })
--- code
single_fails();



=== TEST 10: F15: an early answer of another protocol before the good one
--- dmp: single(sub { [[send => "HTTP/1.1 103 Early Hints\r\nLink: <$Secret>\r\n\r\n"], @{ FakeHost::json($_[0]) }] })
--- code
single_fails();



=== TEST 11: F17: of the host's headers only the type leaves
--- dmp: single(status(200, map { $_ => $Secret } qw(ETag Link Set-Cookie Location Content-Location Last-Modified Content-Disposition X-Anything Server Via Warning Digest Accept-Ranges Refresh Expires Content-Language DMP-Trace-Id DMP-Other Cache-Control Vary P3P Age Trailer)))
--- code
for my $http ('1.1', '2') {
    my $r = request(as => 'petit', get => $Single, http => $http);
    is($r->{status}, 200, "$http status");
    unlike($r->{head}, qr/SECRET/, "$http no header of the host");
    is_deeply([sort { $a cmp $b } CORE::keys %{ $r->{headers} }],
        [sort qw(server date content-type content-length dmp-trace-id
            cache-control), $http eq '2' ? () : 'connection'], "$http what leaves");
    is(scalar @{ $r->{lists}{'cache-control'} }, 1, "$http one Cache-Control");
    like($r->{body}, qr/$Secret/, "$http the document itself does");
}



=== TEST 12: F8: a good answer in many chunks, over time
--- dmp: single(sub { my $body = $_[0]; my $steps = FakeHost::chunked([$body =~ /(.{1,7})/gs]); [map { ($_, [wait => 0.001]) } @$steps] })
--- code
for my $http ('1.1', '2') {
    my $r = request(as => 'petit', get => $Single, http => $http);
    is($r->{status}, 200, "$http status");
    is($r->{body}, bundle() =~ s/"total":1,//r, "$http the whole of it");
    is($r->{headers}{'content-length'}, length $r->{body}, "$http F4: length");
    is($r->{headers}{'transfer-encoding'}, undef, "$http F4: not in chunks");
}



=== TEST 13: F4: a good answer of a length, or until the end of the connection
--- dmp: single(sub { [[send => "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n$_[0]"], ['close']] })
--- code
for my $http ('1.1', '2') {
    my $r = request(as => 'petit', get => $Single, http => $http);
    is($r->{status}, 200, "$http status");
    is($r->{body}, bundle() =~ s/"total":1,//r, "$http the whole of it");
    is($r->{headers}{'content-length'}, length $r->{body}, "$http length");
}



=== TEST 14: F9: an answer of the size allowed, and of one byte more
--- dmp: sized()
--- code
for my $how ('length', 'chunks') {
    for my $http ('1.1', '2') {
        is(request(as => 'petit', http => $http, get => "/$how-4096$Query")->{status},
            200, "$http $how: 4096");
        is(request(as => 'petit', http => $http, get => "/$how-4097$Query")->{status},
            502, "$http $how: 4097");
    }
}



=== TEST 15: F14: what a redirect of the host's leads to is judged the same
--- dmp: redirected()
--- code
my $r = request(as => 'petit', get => '/fhir/DocumentReference/doc');
is($r->{status}, 404, 'a masked document');
unlike("$r->{head}$r->{body}", qr/SECRET/, 'is not shown');



=== TEST 16: F16: after an error the connection is whole, and the next answer its own
--- dmp: single(text(\&half))
--- code
my $get = "GET $Single HTTP/1.1\r\nHost: localhost\r\n";
my $answer = request_raw('petit', "$get\r\n$get\r\n${get}Connection: close\r\n\r\n");
is(join(' ', $answer =~ m{HTTP/1\.1 (\d+) }g), '502 502 502', 'each answered');
unlike($answer, qr/SECRET/, 'with nothing of it');
for my $http ('1.1', '2') {
    my $r = request(as => 'petit', get => $Single, http => $http,
        options => ['https://127.0.0.1:' . tls_port() . $Single]);
    like($r->{error}, qr/^502 \S+ 0\z/m, "HTTP/$http: the connection goes on")
        or diag $r->{error};
}
