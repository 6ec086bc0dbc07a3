# ITI-66: Lists (submission sets, folders).  One that names a document that may
# not be shown is withheld whole.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use HTTP::Tiny;
use JSON::PP;
use Test::More;

our $Ins = 'urn:oid:1.2.250.1.213.1.4.8';
our $Who = "patient.identifier=$Ins|285037512000151";
our $Code = 'code=https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes|';

our $always = { since => '2020-01-01', until => '2100-01-01', by => 'patient' };
my ($morel, $petit, $leroy) = qw(899700218896 899700314422 899700588637);

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
