# The test PKI itself: what OpenSSL says of each certificate, so that a test
# that uses one knows who is to refuse it, and the helper for tests that revoke.

use strict;
use warnings;

use lib 't/lib';
use DMP::Pki;
use DMP::Proc qw(slurp);
use Test::More;

my $pki = DMP::Pki->copy;
my $lists = $pki->path('crl.pem');


# What OpenSSL says of a certificate shown to the server, as nginx has it ask:
# "OK" or its first error.  Level 2 is what Debian's OpenSSL is set to.
sub verdict
{
    my ($name, @options) = @_;

    my %o = (ca => 'clients-ca', crl => $lists, @options);
    my @files = map { $pki->path($_) } "$o{ca}.pem", "$name.pem", "$name.crt";
    my $crl = $o{crl} ? "-crl_check_all -CRLfile $o{crl}" : '';

    my $options = '-purpose sslclient -auth_level 2 -verify_depth 3';
    my $said = `openssl verify $options -CAfile $files[0] $crl -untrusted $files[1] $files[2] 2>&1`;

    return $said =~ /error (\d+) at/ ? $1 : $said =~ /: OK$/m ? 'OK' : $said;
}


# Entries in their order: "title=Médecin,CN=...+SN=...", values in UTF-8.
sub subject
{
    my ($name) = @_;

    my $crt = $pki->path("$name.crt");
    my $said = `openssl x509 -in $crt -noout -subject -nameopt sname,utf8,sep_comma_plus,esc_ctrl`;

    return $said =~ /^subject=(.*)$/ ? $1 : $said;
}


# The extensions of ASIP's arc: number => what it holds, in hex.
sub extensions
{
    my ($name) = @_;

    my $crt = $pki->path("$name.crt");
    my $dump = `openssl asn1parse -in $crt`;
    my %found;

    while ($dump =~ /:1\.2\.250\.1\.71\.(\S+)\n[^\n]*OCTET STRING +\[HEX DUMP\]:(\S+)\n/g) {
        push @{ $found{$1} }, $2;
    }

    return { map { $_ => join ' ', @{ $found{$_} } } keys %found };
}


# Leaves by who refuses them: the number of OpenSSL's error, or OK.
my %verdict = (
    OK => [qw(morel petit roux leroy pharmacien regulator adeli notitle
        title-only code-only contradiction no-card-type odd-names rdn-order
        rdn-unsorted single-valued cpf cpf-with-title old-cps igc-cps
        igc-cps-specialist igc-cps-occupational igc-cps-adeli
        igc-cps-contradiction cpa cpe cpe-anonymous cpe-anonymous-persons
        feeder-cpe feeder structure structure-finess structure-siret
        structure-technical centre15
        structure-as-person person-as-structure cps-standard authority-as-card
        nul-in-name long-name two-identifiers duplicate-profession
        duplicate-card-type profession-text profession-truncated
        profession-trailing profession-large huge-chain endless-chain)],
    9 => ['future'],
    10 => ['expired'],
    18 => ['self-signed'],
    19 => ['server', 'cps-server-ca'],               # authority not ours
    20 => ['forged', 'production'],                  # no issuer
    22 => ['deep-chain'],
    23 => ['revoked'],
    26 => ['signature-card', 'structure-server'],    # usage
    66 => ['weak-key'],
    79 => ['issued-by-card'],                        # no authority
);

my %expected = map { my $v = $_; map { $_ => $v } @{ $verdict{$v} } } keys %verdict;
my @leaves = map { m{([^/]+)\.pem$} && -e $pki->path("$1.key") ? $1 : () }
    glob $pki->path('*.pem');

is_deeply({ map { $_ => verdict($_) } @leaves }, \%expected, 'every leaf');

is(verdict('revoked', crl => undef), 'OK', 'revoked: only the list says so');
is(verdict('production', ca => 'production-ca', crl => $pki->path('production-crl.pem')),
    'OK', 'production: under its own authorities');
is(verdict('forged', ca => 'production-ca', crl => undef), 20, 'which did not make the forged one');


my %layout = (
    'morel' => 'C=FR,title=Médecin,SN=MOREL+GN=CLAIRE+CN=899700218896',
    'notitle' => 'C=FR,GN=JULIE+SN=LAMBERT+CN=899700125075',
    'rdn-order' => 'C=FR,title=Médecin,CN=899701238786+GN=MARIE-CHRISTINE+SN=DESCHAMPS-VILLENEUVE',
    'rdn-unsorted' => 'C=FR,title=Médecin,GN=MARTIN+SN=PIERRE+CN=899701261226',
    'single-valued' => 'C=FR,title=Médecin,CN=899701284566,SN=SEUL,GN=YVES',
    'odd-names' => 'C=FR,title=Médecin,CN=899701215198+GN=ZOÉ=ANNE, LOÏS/MAË+SN=D ÉTÉ, NÉE "BÂTON+MÂT"/SŒUR',
    'nul-in-name' => 'C=FR,title=Médecin,SN=MOREL+GN=CLAIRE+CN=899700218896\00TEST',
    'two-identifiers' => 'C=FR,title=Médecin,SN=MOREL+GN=CLAIRE+CN=899700218896+CN=899700314422',
    'long-name' => 'C=FR,title=Médecin,GN=CLAIRE+CN=899700218896+SN=' . 'L' x 10_000,
    'cpf' => 'C=FR,GN=LUCIE+SN=INTERNE+CN=899701307847',
    'igc-cps-adeli' => 'C=FR,O=TEST,OU=Masseur-Kinésithérapeute,GN=HONORE+CN=00B7010446+SN=MASSEUR1044',
    'cpa' => 'C=FR,O=TEST,L=Paris (75),OU=300000000029751,GN=PATRICE+SN=MAITRE0029751+CN=500000000029751/CPAT0001',
    'cpe' => 'C=FR,ST=Paris (75),O=PHARMACIE DE TEST,OU=1760021832,title=Carte de service santé ou social,'
        . 'GN=SIMON+SN=COMPTOIR+CN=3760021832/000000017',
    'cpe-anonymous' => 'C=FR,ST=Paris (75),O=PHARMACIE DE TEST,OU=1760021832,title=Carte de service santé ou social,'
        . 'pseudonym=EMPLOYE000000018,CN=3760021832/000000018',
    'structure-finess' => 'C=FR,ST=Rhône (69),O=CENTRE DE SANTE RPPS12718,OU=10B0127189,CN=Certificat Wizard DMP 2019-R2',
);

is_deeply({ map { $_ => subject($_) } keys %layout }, \%layout, 'names');


my %extension = (
    'petit' => { '1.2.2' => '020100', '1.2.7' => '02010A' },
    'notitle' => { '1.2.2' => '020100' },
    'no-card-type' => { '1.2.7' => '02010A' },
    'contradiction' => { '1.2.2' => '020100', '1.2.7' => '020115' },
    'cpf' => { '1.2.2' => '020101', '1.2.8' => '02010A' },
    'cpe' => { '1.2.2' => '020102' },
    'cpa' => { '1.2.2' => '020103' },
    'structure' => { '1.2.5' => '040183' },
    'igc-cps' => { '1.2.2' => '020100', '1.2.5' => '040180', '1.2.7' => '02010A' },
    'igc-cps-occupational' => { '1.2.2' => '020100', '1.2.5' => '040180',
        '1.2.7' => '02010A', '4.2.5' => '30060C04534D3235' },
    'duplicate-profession' => { '1.2.2' => '020100', '1.2.7' => '02010A 020115' },
    'duplicate-card-type' => { '1.2.2' => '020100 020102', '1.2.7' => '02010A' },
    'profession-text' => { '1.2.2' => '020100', '1.2.7' => '0C023130' },
    'profession-truncated' => { '1.2.2' => '020100', '1.2.7' => '02050A' },
    'profession-trailing' => { '1.2.2' => '020100', '1.2.7' => '02010A00' },
    'profession-large' => { '1.2.2' => '020100', '1.2.7' => '020901000000000000000A' },
);

# the card number is each card's own
my %found = map { my $e = extensions($_); delete $e->{'1.2.3'}; ($_ => $e) } keys %extension;

is_deeply(\%found, \%extension, 'extensions');
like(pack('H*', extensions('morel')->{'1.2.3'}), qr{^\x13\x158025000001/2500577\d{3}$}, 'card number');

is(() = slurp($pki->path('huge-chain.pem')) =~ /BEGIN CERTIFICATE/g, 100, 'a hundred certificates');
cmp_ok(length(slurp($pki->path('endless-chain.pem'))) * 3 / 4, '>', 150_000, 'more than OpenSSL reads');


subtest 'a copy that revokes' => sub {
    $pki->revoke('petit');
    is(verdict('petit'), 'OK', 'revoked, and no list says so');

    $pki->crl(personnes => {});
    is(verdict('petit'), 'OK', 'nor does the server have the new list');

    $pki->crls;
    is(verdict('petit'), 23, 'now it has');
    is(verdict('morel'), 'OK', 'of that one alone');

    $pki->crl(personnes => { last => '20200101000000Z', next => '20200201000000Z' });
    $pki->crls;
    is(verdict('morel'), 12, 'a list past its date');

    $pki->crl(personnes => { last => '20400101000000Z', next => '20400201000000Z' });
    $pki->crls;
    is(verdict('morel'), 11, 'a list before its date');

    $pki->crl(personnes => { days => 1 });
    $pki->crls;
    is(verdict('morel'), 'OK', 'and one in date');

    my $shared = DMP::Pki->shared;
    like(slurp($shared->path('ca/personnes/index.txt')), qr/^V\t[^\n]*899700314422/m,
        'the shared one knows nothing of it');
    is($pki->ask('petit', 'personnes'), 'revoked', 'the responder does');
};


subtest 'a copy that issues' => sub {
    $pki->issue('fresh', 'personnes', 'cps', ID => '899701445654', SN => 'NEUVE',
        GN => 'ZOÉ', TITLE => 'Médecin', PROFESSION => 10);

    is(verdict('fresh'), 'OK', 'verified');
    is(subject('fresh'), 'C=FR,title=Médecin,GN=ZOÉ+SN=NEUVE+CN=899701445654', 'its name');
    is($pki->ask('fresh', 'personnes'), 'good', 'the responder knows it');

    $pki->revoke('fresh');
    is($pki->ask('fresh', 'personnes'), 'revoked', 'and that it is revoked');

    ok(!eval { $pki->issue('nobody', 'personnes', 'cps'); 1 }, 'without a name: an error');
    ok(!eval { $pki->revoke('nobody'); 1 }, 'one that is not there');
    like($@, qr/no leaf nobody/, 'by its name');
};


subtest 'the responder' => sub {
    is($pki->ask('morel', 'personnes'), 'good', 'good');
    is($pki->ask('structure', 'organisations'), 'good', 'of another authority, another one');

    my $url = $pki->ocsp('personnes');

    is($pki->ocsp('personnes'), $url, 'one for each');
    $pki->stop_ocsp('personnes');
    is($pki->ask('morel', 'personnes', $url), '', 'and none when it has ended');
};

done_testing();
