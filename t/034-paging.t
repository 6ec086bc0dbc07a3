# Pages: the links that the host gives are handed on sealed; who follows one is
# decided anew.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeHost;
use JSON::PP;
use Test::More;

our $Ins = 'urn:oid:1.2.250.1.213.1.4.8';
our $Who = "patient.identifier=$Ins|285037512000151";

our $always = { since => '2020-01-01', until => '2100-01-01', by => 'patient' };
our ($morel, $petit, $roux) = qw(899700218896 899700314422 899700451273);

sub martin
{
    import_records({ ins => '285037512000151', status => 'open',
        traits => { family => 'MARTIN', given => 'Jeanne' },
        emergency => { bris_de_glace => JSON::PP::true,
            centre_15 => JSON::PP::true, masked => JSON::PP::false },
        authorisations => { $morel => $always, $petit => $always }, @_ });
}

martin();

sub link_of
{
    my ($r, $relation) = @_;

    my ($url) = map { $_->{url} } grep { $_->{relation} eq $relation }
        @{ $r->{json}{link} // [] };

    return $url;
}

sub follow
{
    my ($as, $url, %more) = @_;

    my $origin = 'https://127.0.0.1:' . tls_port();
    die "not ours: $url\n" if index($url, "$origin/fhir/") != 0;

    return request(as => $as, get => substr($url, length $origin), %more);
}

sub ids { return map { $_->{resource}{id} } @{ $_[0]{json}{entry} // [] } }

our $Fake;

sub page
{
    my (@links) = @_;

    return encode_json({ resourceType => 'Bundle', type => 'searchset',
        link => [map +{ relation => $_->[0], url => $_->[1] }, @links],
        entry => [] });
}

DMP::run();

__DATA__

=== TEST 1: all pages, to the end: no document twice, none that is hidden
--- code
for my $http ('1.1', '2') {
    my $r = request(as => 'petit', get => "/fhir/DocumentReference?$main::Who&_count=2",
        http => $http);
    my @ids = ids($r);
    my $pages = 1;
    while (my $next = link_of($r, 'next')) {
        unlike($next, qr/285037512000151|patient/, 'no INS in the address');
        like($next, qr{/fhir/DocumentReference\?_page=[-_A-Za-z0-9]+\z}, 'sealed');
        my $mark = trace_mark();
        $r = follow('petit', $next, http => $http);
        is($r->{status}, 200, 'page ' . ++$pages);
        my ($entry) = trace($mark);
        is("$entry->{body}{operation} $entry->{body}{decision}", 'search allow',
            'traced');
        is($entry->{body}{route}, 'DocumentReference?_page=', 'as a page');
        like((backend())[-1]{target}, qr/_offset=\d+/, 'the host\'s own link');
        push @ids, ids($r);
    }
    is($pages, 6, 'pages');
    my %once = map { $_ => 1 } @ids;
    is(scalar @ids, scalar CORE::keys %once, 'each once');
    is(scalar(grep { /^martin-/ } @ids), 11, 'all that may be seen');
    ok(!$once{'martin-psychiatrie'}, 'and nothing else');
}



=== TEST 2: the link to itself is as the client asked
--- code
my $url = "/fhir/DocumentReference?$main::Who&status=current&_count=2";
my $r = request(as => 'petit', get => $url);
my $self = link_of($r, 'self') =~ s/%3A/:/gr =~ s/%7C/|/gr;
is($self, 'https://127.0.0.1:' . tls_port() . $url, 'ours');
is(follow('petit', link_of($r, 'self'))->{status}, 200, 'and it works');



=== TEST 3: who follows it is decided anew
--- code
my $r = request(as => 'petit', get => "/fhir/DocumentReference?$main::Who&_count=2");
my $next = link_of($r, 'next');
my $mark = trace_mark();
$r = follow('roux', $next);
is("$r->{status} $r->{json}{issue}[0]{details}{coding}[0]{code}",
    '403 not-authorised', 'not by somebody else');
my ($entry) = trace($mark);
ok($entry->{body}{patient}, 'the trace says whose record');
is(follow('morel', $next)->{status}, 200, 'but by who may');
martin(authorisations => { $morel => $always });
is(follow('petit', $next)->{status}, 403, 'nor by who no longer may');
martin();



=== TEST 4: a page that is changed, cut, or another's is none
--- code
my $r = request(as => 'petit', get => "/fhir/DocumentReference?$main::Who&_count=2");
my ($token) = link_of($r, 'next') =~ /_page=(.*)/;
my $seen = backend();
my $other = $token;
substr($other, 40, 1) = substr($other, 40, 1) eq 'A' ? 'B' : 'A';
for my $try ($other, substr($token, 0, -1), "${token}A", '', 'x', "$token=",
    "$token&_count=1", "$token&$main::Who", "$token&_page=$token",
    "$token&_include=*", 'A' x 7000)
{
    my $r = request(as => 'petit', get => "/fhir/DocumentReference?_page=$try");
    like($r->{status}, qr/^4(?:00|13)\z/, 'refused: ' . substr($try, -20));
}
is(request(as => 'petit', get => "/fhir/List?_page=$token")->{status}, 400,
    'a page of documents is none of Lists');
is(request(as => 'petit', post => "/fhir/DocumentReference/_search",
    body => "_page=$token",
    headers => ['Content-Type: application/x-www-form-urlencoded'])->{status}, 400,
    'nor is it asked for by POST');
is(scalar(backend()), $seen, 'the host received nothing');
is(request(as => 'petit',
    get => "/fhir/DocumentReference?_page=$token&_format=json")->{status}, 200,
    'a client may say that it wants JSON');



=== TEST 5: by POST, the links are the same
--- code
my $r = request(as => 'petit', post => '/fhir/DocumentReference/_search',
    body => "$main::Who&_count=2",
    headers => ['Content-Type: application/x-www-form-urlencoded']);
is($r->{status}, 200, 'POST');
my $next = link_of($r, 'next');
my $page = follow('petit', $next);
is($page->{status}, 200, 'the next page');
is((backend())[-1]{method}, 'GET', 'a link is followed by GET');



=== TEST 6: F19: an emptied page keeps its next link
--- code
martin(mask_by_default => JSON::PP::true,
    authorisations => { 899700610944 => { since => '2020-01-01',
        until => '2100-01-01', by => 'patient' } });
my $r = request(as => 'pharmacien',
    get => "/fhir/DocumentReference?$main::Who&_count=5");
is(scalar(ids($r)), 0, 'nothing to see');
ok(!exists $r->{json}{entry}, 'and no empty list of it');
ok(link_of($r, 'next'), 'but another page');
is($r->{json}{total}, undef, 'without a total');
martin();



=== TEST 7: Lists have pages, too
--- code
my $r = request(as => 'petit', get => "/fhir/List?$main::Who&_count=1");
my @ids = ids($r);
while (my $next = link_of($r, 'next')) {
    like($next, qr{/fhir/List\?_page=}, 'of Lists');
    $r = follow('petit', $next);
    is($r->{status}, 200, 'followed');
    push @ids, ids($r);
}
is_deeply([sort { $a cmp $b } @ids], [qw(martin-dossier-1 martin-lot-1)], 'all');



=== TEST 8: links of every form that a host gives, and of elsewhere
--- dmp
my @links = (
    ['self', "http://host.example/fhir/DocumentReference?$main::Who"],
    ['first', '/fhir/DocumentReference?page=1'],
    ['previous', 'DocumentReference?page=1'],
    ['next', 'http://host.example/fhir?_getpages=7f-1&_getpagesoffset=2'],
    ['last', 'http://elsewhere.example/fhir/DocumentReference?page=9'],
    ['alternate', 'http://host.example/fhir/DocumentReference?page=9'],
    ['describedby', '/fhir/metadata'],
);
$main::Fake = FakeHost->new('/fhir/DocumentReference' =>
    FakeHost::json(page(@links)), '/fhir/' => FakeHost::json(page()));
(backend => $main::Fake->{address},
    location => 'dmp_record_host fake base=http://host.example/fhir/;')
--- code
my $r = request(as => 'petit', get => "/fhir/DocumentReference?$main::Who");
is($r->{status}, 200, 'answered');
my $ours = 'https://127.0.0.1:' . tls_port() . '/fhir/DocumentReference?';
is(link_of($r, 'self'), "$ours$main::Who", 'self');
like(link_of($r, $_), qr/^\Q$ours\E_page=/, $_) for qw(first previous next);
is(link_of($r, $_), undef, "no $_") for qw(last alternate describedby);
unlike($r->{body}, qr/example/, 'no address of the host\'s');
is(follow('petit', link_of($r, 'next'))->{status}, 200, 'the next page');
like(($main::Fake->requests)[-1],
    qr{^GET /fhir/\?_getpages=7f-1&_getpagesoffset=2 HTTP/1.1},
    'is asked for as the host wrote it');



=== TEST 80: links below the resource and of the base, with no query and with ";"
--- dmp
our %forms = (first => 'DocumentReference/__page/1', previous => '_page?id=2;x',
    next => 'DocumentReference/__page/3?a;b', last => 'DocumentReference/?page=4');
$main::Fake = FakeHost->new('/fhir/DocumentReference' =>
    FakeHost::json(page(map { [$_, "/fhir/$main::forms{$_}"] } qw(first previous next last))),
    map { ("/fhir/$_" =~ s/\?.*//r) => FakeHost::json(page()) } values %main::forms);
(backend => $main::Fake->{address})
--- code
my $r = request(as => 'petit', get => "/fhir/DocumentReference?$main::Who");
for my $relation (qw(first previous next last)) {
    my $page = follow('petit', link_of($r, $relation));
    is($page->{status}, 200, $relation);
    like(($main::Fake->requests)[-1], qr{^GET /fhir/\Q$main::forms{$relation}\E HTTP/1.1},
        'is asked for as the host wrote it');
}



=== TEST 9: a next page that cannot be handed on is not lost in silence
--- dmp
$main::Fake = FakeHost->new('/fhir/DocumentReference' => FakeHost::json(
    page(['next', 'http://internal.example/fhir/DocumentReference?page=2'])));
(backend => $main::Fake->{address})
--- code
my $r = request(as => 'petit', get => "/fhir/DocumentReference?$main::Who");
is("$r->{status} $r->{json}{issue}[0]{details}{coding}[0]{code}",
    '502 answer-unchecked', 'refused');
--- error_log
link to the next page cannot be handed on \(dmp_record_host
