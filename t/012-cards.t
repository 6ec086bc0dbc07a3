# Who a card makes of its holder: every certificate of the test PKI that is
# accepted, each with a "check" and a "search" over both versions of HTTP, and
# the whole actor that the trace names.  Those that are refused: 012-refused.t.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use Test::More;

our $Ins = '285037512000151';
our $Search = '/fhir/DocumentReference?patient.identifier='
    . "urn:oid:1.2.250.1.213.1.4.8|$Ins";
our $Check = "/fhir/Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|$Ins";

# Whose treating physicians are a doctor and one in training.
our $Treated = '185032A00100142';

our ($G15, $G16, $R01) = ('1.2.250.1.71.1.2.7', '1.2.250.1.71.1.2.8',
    '1.2.250.1.71.4.2.5');

# A policy with other settings than the one for tests.
sub with_setting
{
    my ($name, $value) = @_;

    my $file = policy() =~ s/policy\.json$/$name-$value.json/r;
    my $text = slurp(policy());

    $text =~ s/("$name": )"\w+"/$1"$value"/ or die "no setting $name\n";

    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";

    return $file;
}


# "serial" and "issuer", as the trace has them.
sub certificate
{
    my ($name) = @_;

    my $crt = pki() . "/$name.crt";
    my $said = `openssl x509 -in $crt -noout -serial -issuer -nameopt sname,utf8,sep_multiline`;

    my ($serial) = $said =~ /^serial=(\w+)$/m or die "no serial of $name\n";
    my ($issuer) = $said =~ /^\s*CN=(.*)$/m;

    # those of IGC-CPS have no common name
    ($issuer) = $said =~ /^\s*OU=(.*)\n\z/m if !defined $issuer;

    return { serial => lc $serial, defined $issuer ? (issuer => $issuer) : () };
}


sub professional
{
    my ($id, $code, %more) = @_;

    return { kind => 'professional', id => $id, auth => 'direct',
        unverified => JSON::PP::true,
        defined $code ? (role => ref $code ? $code : [$G15, $code]) : (), %more };
}


sub structure
{
    my ($id) = @_;

    return { kind => 'structure', id => $id, structure => $id, auth => 'indirect' };
}


# What a "check" and a "search" with that card come to: status, effect, rule,
# reason, whether the record host was asked; and the actor in their traces.
# The host is asked for what is searched and allowed, and for nothing else.
sub card
{
    my ($name, $check, $search, $actor) = @_;

    $actor = { %$actor, certificate => certificate($name) };

    for my $http ('1.1', '2') {
        for my $case ([check => $Check, $check], [search => $Search, $search]) {
            my ($operation, $path, $want) = @$case;
            my ($mark, $seen) = (trace_mark(), scalar backend());

            my $r = request(as => $name, get => $path, http => $http);
            my @traced = trace($mark);
            my $b = $traced[0]{body} // {};
            my $reason = eval { $r->{json}{issue}[0]{details}{coding}[0]{code} };
            my $asked = backend() - $seen;

            my $is = join ' ', $r->{status}, map { $_ // '-' }
                @$b{qw(decision rule reason operation)};

            is($is, "$want $operation", "$name, HTTP/$http: $want $operation");
            is(scalar @traced, 1, 'traced once');
            is_deeply($b->{actor}, $actor, 'by whom')
                or diag(JSON::PP->new->canonical->encode($b->{actor}));
            is($b->{trace}, $r->{headers}{'dmp-trace-id'}, 'as it was told');
            is($reason // 'none', $b->{reason}, 'the reason too');
            is($asked, "$operation $r->{status}" eq 'search 200' ? 1 : 0,
                'what the record host received');
        }
    }
}


# Reads and searches: authorised, with a profession that may.
sub reads { card($_[0], '200 allow E1 none', '200 allow G1 none', $_[1]) }

# Only checks: those who feed, and do not read.
sub feeds
{
    card($_[0], '200 allow E1 none', '403 deny D2 channel-mismatch', $_[1]);
}

# May not even check.
sub nothing
{
    my ($rule, $reason, $name, $actor) = @_;

    card($name, ("403 deny $rule $reason") x 2, $actor);
}


# All of them are authorised: what is refused is so for who they are.
my $always = { since => '2020-01-01', until => '2100-01-01', by => 'patient' };

import_records({
    ins => $Ins, status => 'open',
    traits => { family => 'MARTIN', given => 'Jeanne' },
    emergency => { bris_de_glace => JSON::PP::true,
        centre_15 => JSON::PP::true, masked => JSON::PP::false },
    authorisations => { map { $_ => $always } qw(
        899700218896 899700277017 899700314422 899700451273 899700588637
        899700610944 899701100515 899700125075 899701123293 899701146609
        899701169932 899701215198 899701238786 899701261226 899701284566
        899701307847 899701330179 899701353742 899701376370 899701399141
        899701422216 00B7010446 3760021832/000000017 3760021832/000000018
        4999999990/000000001 2999999990 1750712184 10B0127189 339172288100052
        R102671 1750000015 1760021832) },
}, {
    ins => $Treated, status => 'open',
    emergency => { bris_de_glace => JSON::PP::true,
        centre_15 => JSON::PP::true, masked => JSON::PP::false },
    treating => ['899701307847', '899700314422'],
});

DMP::run();

__DATA__

=== TEST 1: cards of professionals
--- code
reads('morel', professional('899700218896', '10'));
reads('petit', professional('899700314422', '10'));
reads('pharmacien', professional('899700610944', '21'));
reads('regulator', professional('899701100515', '10'));



=== TEST 2: an ADELI number with letters
--- code
reads('adeli', professional('00B7010446', '70'));
reads('igc-cps-adeli', professional('00B7010446', '70'));



=== TEST 3: the profession as a word alone, as a code alone
--- code
reads('title-only', professional('899701123293', '10'));
reads('code-only', professional('899701146609', '10'));



=== TEST 4: names with commas, signs of other names' syntax, letters of two bytes
--- code
reads('odd-names', professional('899701215198', '10'));



=== TEST 5: the entries of the name in whatever order, together or not
--- code
reads('rdn-order', professional('899701238786', '10'));
reads('rdn-unsorted', professional('899701261226', '10'));
reads('single-valued', professional('899701284566', '10'));



=== TEST 6: the older layout, of the later authority and of the older one
--- code
reads('old-cps', professional('899700277017', '10'));
reads('igc-cps', professional('899701353742', '10'));



=== TEST 7: with a specialty
--- code
reads('igc-cps-specialist', professional('899701376370', '10', specialty => [$R01, 'SM26']));



=== TEST 8: D1: an occupational doctor's is one that excludes
--- code
nothing('D1', 'actor-excluded', 'igc-cps-occupational',
    professional('899701399141', '10', specialty => [$R01, 'SM25']));



=== TEST 9: E1: no profession on the card, so no right
--- code
nothing('E1', 'right-missing', 'notitle', professional('899700125075'));



=== TEST 10: E1: nor of a card that says two
--- code
nothing('E1', 'right-missing', 'contradiction', professional('899701169932'));
nothing('E1', 'right-missing', 'igc-cps-contradiction', professional('899701422216'));



=== TEST 11: E1: nor of one that says it in no form that can be read
--- code
nothing('E1', 'right-missing', "profession-$_", professional('899700218896'))
    for qw(text truncated trailing large);



=== TEST 12: E1: a card in training has no right, unless the policy says so
--- code
nothing('E1', 'right-missing', 'cpf', professional('899701307847', [$G16, '10']));
nothing('E1', 'right-missing', 'cpf-with-title', professional('899701330179', [$G16, '10']));



=== TEST 13: where it does, it reads, and is no doctor for all that
--- dmp: policy => with_setting(training_cards => 'read')
--- code
reads('cpf', professional('899701307847', [$G16, '10']));
reads('cpf-with-title', professional('899701330179', [$G16, '10']));
my $search = $Search =~ s/\Q$Ins/$Treated/r;
is(request(as => 'petit', get => $search)->{status}, 200, 'a treating physician');
my $r = request(as => 'cpf', get => $search);
is($r->{status}, 403, 'named as one, and in training');
is($r->{json}{issue}[0]{details}{coding}[0]{code}, 'not-authorised', 'is none');



=== TEST 14: D2: staff, by name and without one, check and do not read
--- code
my %staff = (kind => 'staff', structure => '1760021832', auth => 'direct');
feeds('cpe', { id => '3760021832/000000017', %staff });
feeds('cpe-anonymous', { id => '3760021832/000000018', %staff });



=== TEST 15: D2: structures neither, whatever the form of their identifier
--- code
feeds('structure', structure('1750712184'));
feeds('structure-finess', structure('10B0127189'));
feeds('structure-siret', structure('339172288100052'));
feeds('structure-technical', structure('R102671'));



=== TEST 16: D2: nor, in the normal mode, a centre 15's
--- code
feeds('centre15', structure('1750000015'));



=== TEST 17: D2: Assurance Maladie and its staff are feeders
--- code
feeds('feeder', { kind => 'feeder', id => '2999999990', structure => '2999999990',
    auth => 'indirect' });
feeds('feeder-cpe', { kind => 'feeder', id => '4999999990/000000001',
    structure => '2999999990', auth => 'direct' });



=== TEST 18: a hundred certificates beside the card change nothing
--- code
reads('huge-chain', professional('899700218896', '10'));



=== TEST 19: one card after the other over one connection each: nobody is taken for another
--- code
my @cards = (['morel', '899700218896'], ['structure', '1750712184'], ['none', undef],
    ['pharmacien', '899700610944'], ['notitle', '899700125075'], ['cpe', '3760021832/000000017']);
my $mark = trace_mark();
request(as => $_->[0], get => $Check, options => ['--interface', '127.0.0.9']) for @cards;
is_deeply([map { $_->{body}{actor}{id} } trace($mark)], [map { $_->[1] } @cards], 'each by its own');



=== TEST 20: the trace is whole
--- code
verify_trace();
pass('proved');
