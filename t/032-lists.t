# ITI-66: Lists (submission sets, folders).  One that names a document that may
# not be shown is withheld whole.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeHost;
use HTTP::Tiny;
use JSON::PP;
use Test::More;

our $Ins = 'urn:oid:1.2.250.1.213.1.4.8';
our $Who = "patient.identifier=$Ins|285037512000151";
our $Code = 'code=https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes|';

our $always = { since => '2020-01-01', until => '2100-01-01', by => 'patient' };
our ($morel, $petit, $leroy) = qw(899700218896 899700314422 899700588637);

sub martin
{
    import_records({ ins => '285037512000151', status => 'open',
        traits => { family => 'MARTIN', given => 'Jeanne' },
        emergency => { bris_de_glace => JSON::PP::true,
            centre_15 => JSON::PP::true, masked => JSON::PP::false },
        authorisations => { $morel => $always, $petit => $always },
        treating => [$leroy], @_ });
}

martin();

sub host
{
    my ($method, $path, $body) = @_;

    my $r = HTTP::Tiny->new->request($method, 'http://' . backend_address()
        . "/fhir/$path", { headers => {
            'Content-Type' => 'application/fhir+json' },
            defined $body ? (content => encode_json($body)) : () });

    die "$method $path: $r->{status} $r->{content}\n" if !$r->{success};
}

# A List of martin's that names these.
sub list
{
    my ($id, $items, %more) = @_;

    host(PUT => "List/$id", { resourceType => 'List', id => $id,
        status => 'current', mode => 'working',
        code => { coding => [{ system => 'https://profiles.ihe.net/ITI/MHD/'
            . 'CodeSystem/MHDlistTypes', code => 'folder' }] },
        subject => { identifier => { system => $Ins,
            value => '285037512000151' } },
        entry => [map +{ item => $_ }, @$items], %more });
}

sub named { return map +{ reference => "DocumentReference/$_" }, @_ }

# The ids of the Lists that one sees.
sub seen
{
    my ($as, %more) = @_;

    my $r = request(as => $as, get => "/fhir/List?$main::Who&_count=100", %more);

    die "$r->{status} $r->{body}\n" if $r->{status} != 200;

    return join ' ', sort { $a cmp $b } map { $_->{resource}{id} }
        @{ $r->{json}{entry} // [] };
}

our $Fake;

# A host whose one List names these; "documents" are its answers about them.
sub fake
{
    my ($items, %documents) = @_;

    my $lists = FakeHost::json(encode_json({ resourceType => 'Bundle',
        type => 'searchset', entry => [{ resource => {
            resourceType => 'List', id => 'one', status => 'current',
            subject => { identifier => { system => $Ins,
                value => '285037512000151' } },
            entry => [map +{ item => { reference => "DocumentReference/$_" } },
                @$items] } }] }));

    $Fake = FakeHost->new('/fhir/List' => $lists,
        map { ("/fhir/DocumentReference/$_" => $documents{$_}) }
            CORE::keys %documents);

    return (backend => $Fake->{address},
        location => 'dmp_record_host fake-' . ++our $count . ';');
}

sub fake_document
{
    my ($id) = @_;

    return FakeHost::json(encode_json({ resourceType => 'DocumentReference',
        id => $id, status => 'current', subject => { identifier => {
            system => $Ins, value => '285037512000151' } } }));
}

sub named_once
{
    return grep { defined } map { m{/DocumentReference/(\S+)} } $Fake->requests;
}

DMP::run();

__DATA__

=== TEST 1: those whose documents may all be seen
--- code
my $mark = trace_mark();
is(seen('petit'), 'martin-dossier-1 martin-lot-1', 'not the masked one\'s');
my ($entry, @more) = trace($mark);
is(scalar @more, 0, 'one entry');
my $b = $entry->{body};
is("$b->{decision} $b->{operation} $b->{transaction} $b->{route}",
    'allow search TD3.1a List?', 'trace');
is(seen('petit', http => '2'), 'martin-dossier-1 martin-lot-1', 'again');
is(seen('morel'), 'martin-dossier-1 martin-lot-1 martin-lot-2', 'its author');
is(seen('leroy'), 'martin-dossier-1 martin-lot-1 martin-lot-2', 'treating');



=== TEST 2: the host is asked for the documents that nobody has seen, once
--- code
list('new', [named('martin-ordonnance-2', 'martin-biologie-1')]);
my $asked = sub {
    my $seen = backend();
    my $lists = seen('petit');
    return $lists, join ' ', sort { $a cmp $b } map { $_->{target} =~ s{^/fhir/}{}r }
        grep { $_->{target} !~ /List/ } (backend())[$seen .. backend() - 1];
};
my ($lists, $questions) = $asked->();
is($lists, 'martin-dossier-1 martin-lot-1 new', 'seen');
is($questions, 'DocumentReference/martin-biologie-1 '
    . 'DocumentReference/martin-ordonnance-2', 'asked');
($lists, $questions) = $asked->();
is($questions, '', 'known');
is($lists, 'martin-dossier-1 martin-lot-1 new', 'and seen');



=== TEST 3: by POST, and with MHD's own parameters
--- code
my $r = request(as => 'petit', post => '/fhir/List/_search',
    body => "$main::Who&${\ $main::Code}folder",
    headers => ['Content-Type: application/x-www-form-urlencoded']);
is($r->{status}, 200, 'POST');
my @ids = sort { $a cmp $b } map { $_->{resource}{id} } @{ $r->{json}{entry} };
is("@ids", 'martin-dossier-1 new', 'folders');
is($r->{json}{total}, undef, 'nothing counts them');
$r = request(as => 'petit', get => "/fhir/List?$main::Who"
    . "&${\ $main::Code}submissionset&status=current");
is_deeply([map { $_->{resource}{id} } @{ $r->{json}{entry} }], ['martin-lot-1'],
    'submission sets');



=== TEST 4: what the patient masks takes its Lists along, at once
--- code
martin(masked => ['urn:oid:1.2.250.1.213.1.4.8.99999.1.3']);
is(seen('petit'), 'martin-lot-1 new', 'masked');
martin();
is(seen('petit'), 'martin-dossier-1 martin-lot-1 new', 'given back');
martin(authorisations => {});
is(request(as => 'petit', get => "/fhir/List?$main::Who")->{status}, 403,
    'withdrawn');
martin();



=== TEST 5: a List that names what cannot be made out is withheld
--- code
my %odd = (
    foreign => [{ reference => 'http://elsewhere.example/fhir/DocumentReference/1' }],
    unknown => [named('never-used')],
    other => [named('durand-ald')],
    binary => [{ reference => 'Binary/martin-consultation-1' }],
    contained => [{ reference => '#x' }],
    words => [{ display => 'psychiatrie' }],
    logical => [{ identifier => { system => 'urn:ietf:rfc:3986',
        value => 'urn:oid:1.2.250.1.213.1.4.8.99999.1.1' } }],
    one => [named('martin-consultation-1', 'martin-psychiatrie')],
);
list($_, $odd{$_}) for CORE::keys %odd;
list('stranger', [named('martin-consultation-1')], subject => { identifier => {
    system => $main::Ins, value => '172066912304538' } });
list('nested', [{ reference => 'List/martin-dossier-1' }]);
list('empty', []);
is(seen('petit'), 'empty martin-dossier-1 martin-lot-1 nested new', 'none of them');
host(DELETE => "List/$_") for CORE::keys %odd, qw(stranger nested empty);



=== TEST 6: F18: no document comes along with a List, nor a List with documents
--- code
my $search = "/fhir/List?$main::Who";
is(request(as => 'petit', get => "$search&$_")->{status}, 400, $_)
    for '_include=List:item', '_revinclude=List:item', '_has:List:item:x=1',
    'item=DocumentReference/martin-psychiatrie', 'item.status=current',
    'patient=Patient/martin', 'notes=x', '_id=martin-lot-2', '_summary=count';
is(request(as => 'petit', get => '/fhir/List')->{status}, 400, 'nobody\'s Lists');
is(request(as => 'petit', get => '/fhir/List?_count=10')->{status}, 400,
    'nor some of them');



=== TEST 7: more unknown documents than are asked for at once: no shorter list
--- dmp
fake([map { "doc-$_" } 1 .. 70], map { ("doc-$_" => fake_document("doc-$_")) } 1 .. 70)
--- code
my $r = request(as => 'petit', get => "/fhir/List?$main::Who");
is($r->{status}, 502, 'not left out in silence');
is(scalar(named_once()), 64, 'so many questions');
is(seen('petit'), 'one', 'the next time the rest is asked for');
is(scalar(named_once()), 70, 'and no more');
--- error_log
dmpctl index build



=== TEST 8: nor where the host does not tell of one
--- dmp
fake(['doc-1', 'doc-2'], 'doc-1' => fake_document('doc-1'),
    'doc-2' => FakeHost::answer(500, {}, 'broken'))
--- code
is(request(as => 'petit', get => "/fhir/List?$main::Who")->{status}, 502, 'refused');
--- error_log
of which the host does not tell



=== TEST 9: what a List names in vain is not asked for each time
--- dmp
fake([map { "gone-$_" } 1 .. 3])
--- code
is(seen('petit'), '', 'withheld');
is(seen('petit'), '', 'again');
is(scalar(named_once()), 3, 'asked for once');



=== TEST 10: a question that takes longer than send_timeout
--- dmp
(fake(['doc-1'], 'doc-1' => [[wait => 2], @{ fake_document('doc-1') }]),
    server => 'send_timeout 1s;')
--- code
is(seen('petit', http => $_), 'one', "HTTP/$_") for '1.1', '2';



=== TEST 11: another patient's List of a document does not hide its own
--- code
host(PUT => 'DocumentReference/durand-listed', {
    resourceType => 'DocumentReference', id => 'durand-listed',
    status => 'current', subject => { identifier => { system => $main::Ins,
        value => '172066912304538' } }, content => [] });
list('stolen', [named('durand-listed')]);
list('own', [named('durand-listed')], subject => { identifier => {
    system => $main::Ins, value => '172066912304538' } });
import_records({ ins => '172066912304538', status => 'open',
    traits => { family => 'DURAND', given => 'Paul' },
    emergency => { bris_de_glace => JSON::PP::true,
        centre_15 => JSON::PP::true, masked => JSON::PP::false },
    authorisations => { $morel => $always } });
my $of_durand = sub {
    my $r = request(as => 'morel', get =>
        "/fhir/List?patient.identifier=$main::Ins|172066912304538&_count=100");
    return grep { $_->{resource}{id} eq 'own' } @{ $r->{json}{entry} };
};
unlike(seen('petit'), qr/stolen/, 'martin\'s List of it is withheld');
is(scalar($of_durand->()), 1, 'durand\'s is there');
host(DELETE => "List/$_") for qw(stolen own);
