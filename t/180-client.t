# fhir-kit-client in front of the gateway: what an integrator's software gets,
# page by page and byte by byte, and how it is told of a refusal.  Its part is
# in t/client/client.mjs: each scenario prints facts, which stand here.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use Test::More;

our $Martin = '285037512000151';
our $Who = 'patient.identifier=urn%3Aoid%3A1.2.250.1.213.1.4.8%7C';

my $always = { since => '2020-01-01', until => '2100-01-01', by => 'patient' };
my ($morel, $petit) = qw(899700218896 899700314422);

sub record
{
    my ($ins, @authorised) = @_;

    return { ins => $ins, status => 'open',
        traits => { family => 'MARTIN', given => 'Jeanne' },
        emergency => { bris_de_glace => JSON::PP::true,
            centre_15 => JSON::PP::true, masked => JSON::PP::false },
        authorisations => { map { $_ => $always } @authorised } };
}

import_records(record($Martin, $morel, $petit),
    record('172066912304538', $morel));             # durand, not petit's

# In what it composes the host has the name that nginx asks it by, and in what
# it stores an address of its own.
DMP::configure(location => 'dmp_record_host demo base=http://'
    . backend_address() . '/fhir;');

our @Visible = map { "martin-$_" } qw(biologie-1 biologie-2 consultation-1
    consultation-2 consultation-3 hospitalisation imagerie-1 ordonnance-1
    ordonnance-2 synthese vaccination);


# Plays a scenario and returns its facts, by name.
sub play
{
    my ($scenario, %o) = @_;

    my $pki = pki();
    my $out = DMP::Proc::dir() . '/client.out';
    my $as = $o{as} // 'petit';
    my $json = JSON::PP->new->utf8;
    my %fact;

    unlink $out;

    my $pid = DMP::Proc::start('fhir-kit-client', $out, 'node',
        't/client/client.mjs', $scenario, '--ca', "$pki/server-ca.pem",
        '--base', 'https://localhost:' . tls_port() . '/fhir',
        '--ins', $o{ins} // $Martin, $o{url} ? ('--url', $o{url}) : (),
        $as eq 'none' ? ()
            : ('--cert', "$pki/$as.pem", '--key', "$pki/$as.key"));

    waitpid $pid, 0;

    my ($code, $said) = ($? >> 8, slurp($out));

    is($code, 0, "$scenario: played to its end") or diag $said;

    for my $line (grep { /^\{"fact":/ } split /\n/, $said) {
        my $one = $json->decode($line);
        $fact{ $one->{fact} } = $one->{value};
    }

    return \%fact;
}

# Plays it, and its facts are these, no more and no less.
sub facts
{
    my ($scenario, $want, %o) = @_;

    my $seen = backend();
    my $got = play($scenario, %o);
    my $name = join ', ', $scenario, $o{as} // ();

    is_deeply($got->{$_}, $want->{$_}, "$name: $_")
        or diag explain($got->{$_}) for sort(CORE::keys %$want);
    is_deeply([sort(CORE::keys %$got)], [sort(CORE::keys %$want)],
        "$name: these facts and no others");

    return forwarded($seen);
}

# What the host received since, of what was let through: a receipt says so.
sub forwarded
{
    my ($from) = @_;

    my @all = backend();

    return [map { "$_->{method} $_->{target}" }
        grep { grep { lc $_->[0] eq 'dmp-trace-receipt' } @{ $_->{headers} } }
        @all[$from .. $#all]];
}

# As the library tells it: status, and the reason of the OperationOutcome.
sub refusal
{
    my ($status, $reason) = @_;

    return [$status, 'OperationOutcome', 'urn:dmp:reason', $reason];
}

our $true = JSON::PP::true;

DMP::run();

__DATA__

=== TEST 1: the CapabilityStatement
--- code
my $sent = facts(metadata => { type => 'CapabilityStatement', version => '4.0.1',
    'documents can be searched' => $true }, as => 'petit');
is_deeply($sent, ['GET /fhir/metadata'], 'asked of the host');
facts(metadata => { type => 'CapabilityStatement', version => '4.0.1',
    'documents can be searched' => $true }, as => 'roux');



=== TEST 2: TD0.2, which the host never hears of
--- code
is_deeply(facts(check => { type => 'Bundle searchset', patients => 1,
    active => $true }), [], 'nothing was forwarded');



=== TEST 3: TD3.1a, by GET and by POST
--- code
my $seen = backend();
my $sent = facts(search => { type => 'Bundle searchset', ids => \@Visible,
    'the same by POST' => \@Visible, total => [undef, undef],
    'not to be kept' => 'no-store', 'full addresses' => $true });
is_deeply($sent, ["GET /fhir/DocumentReference?$Who$Martin&status=current",
    'POST /fhir/DocumentReference/_search'], 'as they were made');
my ($post) = grep { $_->{method} eq 'POST' } (backend())[$seen .. backend() - 1];
is($post->{body_bytes}, length "$Who$Martin&status=current", 'and so is the form');



=== TEST 4: TD3.1b, by GET and by POST
--- code
facts(reference => { map { $_ => ['martin-consultation-3'] } 'by GET', 'by POST' });



=== TEST 5: pages to the end: no document twice, none left out, none hidden
--- code
my %same = (pages => 6, 'most on one' => 2, totals => 0, ids => \@Visible,
    links => $true, back => $true);
my $sent = facts(pages => { map { my $how = $_;
    map { ("$how: $_" => $same{$_}) } CORE::keys %same } 'GET', 'POST' });
my $page = "GET /fhir/DocumentReference?_count=2&$Who$Martin";
my @next = map { "$page&_offset=$_" } 2, 4, 6, 8, 10;
is_deeply($sent, [$page, @next, "$page&_offset=0",
    'POST /fhir/DocumentReference/_search', @next, "$page&_offset=0"],
    'the host is asked by its own links');



=== TEST 6: a page is decided anew for whoever follows its link
--- code
my $url = play('page')->{next};
my $seen = backend();
is_deeply(play('follow', url => $url)->{answer}, { passed => 'Bundle' }, 'petit');
is(scalar @{ forwarded($seen) }, 1, 'the host was asked');
$seen = backend();
is_deeply(play('follow', url => $url, as => 'roux')->{answer},
    refusal(403 => 'not-authorised'), 'roux');
is_deeply(play('follow', url => $url, as => 'none')->{answer},
    refusal(401 => 'authentication-required'), 'nobody');
# another character at the end, and one fewer
for my $other ($url =~ s/(.)\z/$1 eq 'A' ? 'B' : 'A'/er, $url =~ s/.\z//r,
    $url =~ s/DocumentReference/List/r)
{
    is_deeply(play('follow', url => $other)->{answer},
        refusal(400 => 'request-ambiguous'), "changed");
}
is_deeply(forwarded($seen), [], 'nothing was forwarded');



=== TEST 7: ITI-66: a List that names a hidden document is withheld whole
--- code
my @named = map { "martin-$_" } qw(consultation-1 consultation-3 hospitalisation
    imagerie-1 ordonnance-1);
my %both = map { $_ => ['martin-dossier-1', 'martin-lot-1'] } 'all', 'by POST';
facts(lists => { %both, 'submission sets' => ['martin-lot-1'],
    pages => [['martin-lot-1'], [], ['martin-dossier-1']],
    'what they name' => \@named });
# the author of the masked document sees the lot that brought it
%both = map { $_ => ['martin-dossier-1', 'martin-lot-1', 'martin-lot-2'] }
    'all', 'by POST';
facts(lists => { %both, 'submission sets' => ['martin-lot-1', 'martin-lot-2'],
    pages => [['martin-lot-1'], ['martin-lot-2'], ['martin-dossier-1']],
    'what they name' => [sort @named, 'martin-psychiatrie'] }, as => 'morel');



=== TEST 8: TD3.2: a DocumentReference
--- code
is_deeply(facts(read => { id => 'martin-consultation-3',
    type => 'application/fhir+json; charset=utf-8', 'not to be kept' => 'no-store',
    trace => $true }), ['GET /fhir/DocumentReference/martin-consultation-3'],
    'forwarded');



=== TEST 9: every attachment that a search shows can be fetched by its address
--- code
my %want = map { ("martin-$_" => ["Binary/martin-$_", 200, $true, $true]) }
    qw(consultation-1 consultation-2 consultation-3 ordonnance-1 ordonnance-2
    biologie-1 imagerie-1 hospitalisation);
$want{'martin-biologie-2'} = ['[base]/Binary/martin-biologie-2', 200, $true, $true];
$want{'martin-synthese'} = ['Bundle/martin-synthese', 200, $true, $true];
$want{'martin-vaccination'} = ['inline', $true];
my $sent = facts(attachments => { attachments => \%want });
is_deeply([sort @$sent], [sort "GET /fhir/DocumentReference?$Who$Martin",
    map({ "GET /fhir/Binary/martin-$_" } qw(consultation-1 consultation-2
    consultation-3 ordonnance-1 ordonnance-2 biologie-1 biologie-2 imagerie-1
    hospitalisation)), 'GET /fhir/Bundle/martin-synthese'], 'forwarded');



=== TEST 10: a Binary as FHIR, and as what it holds
--- code
facts(binary => { type => 'Binary application/pdf', 'a PDF' => '%PDF-',
    'the same as raw' => $true, 'sent as' => 'application/fhir+json',
    'a large one' => 308087 });



=== TEST 11: a FHIR document
--- code
facts(document => { type => 'Bundle document',
    resources => ['Composition', 'Patient', 'Practitioner'],
    subject => '1985-03-02' });



=== TEST 12: references: contained, of the same answer, relative, absolute
--- code
facts(resolve => { contained => $Martin, 'in the Bundle' => $true,
    'its full address' => 'martin-ordonnance-1', relative => 'martin-biologie-1',
    absolute => 'martin-biologie-1', masked => refusal(404 => 'document-foreign') });



=== TEST 13: F3: HEAD wherever GET is, and no more than that
--- code
my $ok = [200, 'no-store', 0];
my $seen = backend();
facts(head => { 'DocumentReference?' => $ok, 'List?' => $ok, 'Patient?' => $ok,
    'DocumentReference/martin-consultation-1' => $ok,
    'Binary/martin-consultation-1' => $ok, 'Bundle/martin-synthese' => $ok,
    'metadata' => $ok, map({ $_ => 404 } 'DocumentReference/martin-psychiatrie',
    'Binary/martin-psychiatrie', 'DocumentReference/never-used',
    'Binary/never-used') });
is_deeply([grep { m{/(?:martin-psychiatrie|never-used)} } @{ forwarded($seen) }],
    [], 'nothing hidden was let through');



=== TEST 14: errors are the library's, and say why
--- code
my $sent = facts(errors => {
    map({ $_ => refusal(400 => 'request-ambiguous') } '400 include',
        '400 include by POST', '400 two patients', '400 page'),
    '400 INS' => refusal(400 => 'ins-invalid'),
    map({ ("404 $_" => refusal(404 => 'document-foreign')) } 'masked',
        'never used', 'Binary of a masked one', 'Binary never used',
        'Binary that no document has', 'Bundle never used',
        'Binary of another patient'),
    map({ ("406 $_" => refusal(406 => 'operation-unknown')) } 'search',
        '_format', 'read', 'metadata'),
    '415 _search in JSON' => refusal(415 => 'operation-unknown') });
is_deeply($sent, [], 'nothing was let through');



=== TEST 15: what the library can do besides
--- code
my $unknown = refusal(400 => 'operation-unknown');
my $seen = backend();
facts(unknown => { map({ $_ => $unknown } 'vread', 'history', 'operation',
    'compartment', 'system search', 'Patient', 'Binary search', 'List by id'),
    # it has the base end in "/", which is no path of one reading
    batch => refusal(400 => 'request-ambiguous') });
is(scalar(backend()), $seen, 'the host received nothing');



=== TEST 16: 401: without a certificate
--- code
my $seen = backend();
facts(refused => { map { $_ => refusal(401 => 'authentication-required') }
    qw(search lists read binary metadata), 'search by POST' }, as => 'none');
is(scalar(backend()), $seen, 'the host received nothing');



=== TEST 17: 403: not authorised; and 404 where only a document is named
--- code
my $sent = facts(refused => {
    map({ $_ => refusal(403 => 'not-authorised') } 'search', 'search by POST',
        'lists'),
    map({ $_ => refusal(404 => 'document-foreign') } 'read', 'binary'),
    metadata => { passed => 'CapabilityStatement' } }, as => 'roux');
is_deeply($sent, ['GET /fhir/metadata'], 'only that was let through');



=== TEST 18: 503: without the store
--- code
my $seen = backend();
DMP::stop_redis();
facts(refused => { map { $_ => refusal(503 => 'trace-unavailable') }
    qw(search lists read binary metadata), 'search by POST' });
is_deeply(forwarded($seen), [], 'nothing was let through');
DMP::redis_address();
wait_for { request(as => 'petit', get => "/fhir/DocumentReference?$Who$Martin")
    ->{status} == 200 } 'the store to be used again';
--- error_log
dmp store is unavailable
