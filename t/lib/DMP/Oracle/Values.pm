package DMP::Oracle::Values;

# What the values of the dimensions are, where a word is not enough: the
# driver is told with "define", and the oracle looks them up here.

use strict;
use warnings;
use utf8;

use Exporter qw(import);
use Time::Local qw(timegm);

our @EXPORT_OK = qw(%ROLE %SITUATION %TYPE %LABEL %VISIBLE %DEPOSITED
    %SETTINGS %CHANGED %TRAITS months_later today definitions label_bits
    add_role add_type);

our $G15 = '1.2.250.1.71.1.2.7';
our $G16 = '1.2.250.1.71.1.2.8';
our $R95 = '1.2.250.1.213.1.6.1.109';

my $SECTOR = '1.2.250.1.71.4.2.4';
my $SPECIALTY = '1.2.250.1.71.4.2.5';
my $FUNCTION = '1.2.250.1.213.1.6.1.17';

my $LOINC = 'http://loinc.org';
my $A05 = 'https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/'
    . 'TRE-A05-TypeDocComplementaire';

# The settings of each policy that the test writes.
our %SETTINGS = (
    standard => {},
    table => { occupational_doctors => 'table' },
    training => { training_cards => 'read' },
    nokey => { ins_key => 0 },
    numbers => { justification_characters => 12,
        invisible_to_patient_months => 2, authorisation_days => 30 },
    narrow => {},
);

# Cells that one of them has otherwise: who may read has in the official
# tables all states of a document, and one would not see which row is asked.
our %CHANGED = (
    narrow => { map { $_ => 'non' } 'MED_normal read-archived',
        'PS_normal read-superseded', 'MT_normal read-deleted',
        'MED_bris read-invisible', 'PATIENT read-invisible',
        'PATIENT read-superseded', 'REPRESENTATIVE read-archived',
        'REPRESENTATIVE read-deleted' },
);

our %ROLE = (
    none => ['', ''],
    doctor => [$G15, '10'],
    pharmacist => [$G15, '21'],
    optician => [$G15, '28'],
    dentist => [$G15, '40'],
    midwife => [$G15, '50'],
    nurse => [$G15, '60'],
    physio => [$G15, '70'],
    psychologist => [$R95, '93'],
    'cpf-doctor' => [$G16, '10'],
    'cpf-pharmacist' => [$G16, '21'],
    'other-system' => ['1.2.250.1.71.1.2.99', '10'],
    'no-system' => ['', '10'],
);

# Situations of practice: sector, activity, specialty, structure.
our %SITUATION = (
    none => [],
    liberal => [{ sector => 'SA07' }],
    hospital => [{ sector => 'SA01', specialty => 'SM26' }],
    insurer => [{ sector => 'SA23' }],
    security => [{ sector => 'SA24' }],
    adviser => [{ sector => 'SA07', activity => 'FON-19' }],
    company => [{ sector => 'SA48' }],
    personnel => [{ sector => 'SA44' }],
    'wrong-system' => [{ sector => '1.2.3|SA23' }],
    'work-doctor' => [{ sector => 'SA07', specialty => 'SM25' }],
    'work-sector' => [{ sector => 'SA13' }],
    'work-service' => [{ sector => 'SA66' }],
    'work-function' => [{ activity => 'FON-29' }],
    'somewhere' => [{ structure => '1330000019' }],
    'all-excluded' => [{ sector => 'SA23' }, { sector => 'SA24' }],
    'mixed' => [{ sector => 'SA23' }, { sector => 'SA07' }],
    'all-occupational' => [{ specialty => 'SM25' }, { sector => 'SA13' }],
    'part-occupational' => [{ specialty => 'SM25' }, { sector => 'SA07' }],
    'none-good' => [{ sector => 'SA23' }, { specialty => 'SM25' }],
);

our %TYPE = (
    none => [],
    consultation => [[$LOINC, '11488-4']],
    hospital => [['urn:oid:2.16.840.1.113883.6.1', '34112-3']],
    psychiatry => [[$LOINC, '68599-0']],
    residence => [[$A05, 'ATTEST-RESID']],
    certificate => [[$A05, 'CERT_DECL']],
    wishes => [[$A05, 'EXPPAT_1']],
    medication => [[$LOINC, '60593-1']],
    unknown => [[$LOINC, '99999-9']],
    'wrong-system' => [['http://example.org/types', '11488-4']],
    'wrong-system-psychiatry' => [['http://example.org/types', '68599-0']],
    'wrong-system-wishes' => [[$LOINC, 'EXPPAT_1']],
    'no-system' => [['', '11488-4']],
    two => [[$LOINC, '11488-4'], [$LOINC, '34112-3']],
    'good-and-bad' => [[$LOINC, '11488-4'], [$LOINC, '68599-0']],
    'known-and-unknown' => [['http://example.org/types', 'X'],
        [$LOINC, '11488-4']],
    'bad-and-unknown' => [[$LOINC, '68599-0'],
        ['http://example.org/types', 'X']],
    'known-and-wrong' => [['http://example.org/types', '68599-0'],
        [$LOINC, '11488-4']],
    'wishes-and-unknown' => [[$A05, 'EXPPAT_1'],
        ['http://example.org/types', 'X']],
    'wishes-and-consultation' => [[$A05, 'EXPPAT_1'],
        [$LOINC, '11488-4']],
);

# Whom a label hides from: professionals, patient, representatives.
our %LABEL = (
    none => [0x00, ''],
    masked => [0x01, 'p'],
    'invisible-patient' => [0x02, 'i'],
    'invisible-representatives' => [0x04, 'r'],
    unknown => [0x08, 'pir'],
    'masked-and-invisible' => [0x03, 'pi'],
    all => [0x0f, 'pir'],
    beyond => [0x10, 'pir'],
);

# JDV_J58: HL7's levels hide nothing, those of the ANS do.  A code or a system
# that nobody knows hides from all.
my %CODE = (N => 0, R => 0, V => 0, MASQUE_PS => 1, INVISIBLE_PATIENT => 2,
    INVISIBLE_REPRESENTANTS_LEGAUX => 4, U => 15, masque_ps => 15,
    MASQUE => 15);
my @LABEL_SYSTEMS = (
    'http://terminology.hl7.org/CodeSystem/v3-Confidentiality',
    'urn:oid:2.16.840.1.113883.5.25',
    (map { 'https://mos.esante.gouv.fr/NOS/' . $_ }
        'TRE_A08-HL7Confidentiality/FHIR/TRE-A08-HL7Confidentiality',
        'TRE_A07-StatutVisibiliteDocument/FHIR/'
            . 'TRE-A07-StatutVisibiliteDocument',
        'TRE_A07-StatusVisibiliteDocument/FHIR/'
            . 'TRE-A07-StatusVisibiliteDocument'),
    'urn:oid:1.2.250.1.213.1.1.4.13',
);


# "SYSTEM|CODE" => what it hides from: 1, 2, 4 as above, all of them for 8.
sub label_bits {
    my %bits;

    for my $code (keys %CODE) {
        $bits{"$_|$code"} = $CODE{$code} for @LABEL_SYSTEMS;
        $bits{"http://example.org/labels|$code"} = 15;
    }

    return %bits;
}

# Texts of a justification, and how many characters of them one sees.
my %JUSTIFICATION = (
    none => '',
    blanks => "\x{a0} \t \x{2003}  \x{3000}   \x{200b}  ",
    nine => ' a b c d e f  g h   i  ',
    'nine-accented' => "e\x{301}a\x{300}bcdefgh",
    'nine-of-ten' => 'urgence x3',
    ten => 'inconscien',
    twelve => 'inconsciente',
);

our %VISIBLE = (
    none => 0, blanks => 0, nine => 9, 'nine-accented' => 9, 'nine-of-ten' => 9,
    ten => 10, twelve => 12, broken => 0,
);

our %EFFECTS = (
    none => 0, other => 0x8000, mask => 0x01, unmask => 0x02, hide => 0x04,
    show => 0x08, delete => 0x10, supersede => 0x20, archive => 0x40,
    unarchive => 0x80, beyond => 0x100, 'unmask-and-delete' => 0x12,
);

our %OFFERS = (none => 0, normal => 1, bris => 2, usual => 3,
    'centre-15' => 4, all => 7);

our %TRAITS = (
    none => '',
    match => 'Lefèvre-Durand|Zoé|1985-03-02',
    birth => "O'Connor|Anne-Marie|1985-03-02",
    variant => 'LEFEVRE DURAND|ANNE MARIE|1985-03-02',
    'birth-variant' => 'o connor|zoe|1985-03-02',
    'family-wrong' => 'Martin|Zoé|1985-03-02',
    'family-part' => 'Lefèvre|Zoé|1985-03-02',
    'given-wrong' => 'Lefèvre-Durand|Claire|1985-03-02',
    'date-wrong' => 'Lefèvre-Durand|Zoé|1985-02-03',
    'no-given' => 'Lefèvre-Durand||1985-03-02',
    'no-family' => '|Zoé|1985-03-02',
    'no-date' => 'Lefèvre-Durand|Zoé|',
);

my %RECORD_TRAITS = (
    full => "Lefèvre-Durand|O'Connor|Anne-Marie Zoé|1985-03-02",
    'no-birth' => 'Lefèvre-Durand||Anne-Marie Zoé|1985-03-02',
    'only-birth' => "|O'Connor|Anne-Marie Zoé|1985-03-02",
    'no-family' => '||Anne-Marie Zoé|1985-03-02',
    'no-given' => "Lefèvre-Durand|O'Connor||1985-03-02",
    'no-date' => "Lefèvre-Durand|O'Connor|Anne-Marie Zoé|",
    none => '',
);

our @TODAY = (2026, 2, 28);

our %DEPOSITED = (
    unknown => undef,
    tomorrow => [2026, 3, 1],
    today => [2026, 2, 28],
    'four-weeks' => [2026, 2, 1],
    'month-end' => [2026, 1, 31],
    month => [2026, 1, 28],
    'two-months' => [2025, 12, 28],
    'near-two-months' => [2025, 12, 29],
    'long-ago' => [2020, 2, 29],
);


sub day_number {
    my ($year, $month, $day) = @_;
    return timegm(0, 0, 0, $day, $month - 1, $year) / 86400;
}


sub today { return day_number(@TODAY) }


# The same day of a later month, or the last one of a month that is shorter.
sub months_later {
    my ($year, $month, $day, $months) = @_;

    $month += $months;
    while ($month > 12) {
        $month -= 12;
        $year++;
    }

    my $leap = $year % 4 == 0 && ($year % 100 != 0 || $year % 400 == 0);
    my $last = (31, $leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
        31)[$month - 1];

    return day_number($year, $month, $day < $last ? $day : $last);
}


sub situation_text {
    my ($s) = @_;

    my %system = (sector => $SECTOR, activity => $FUNCTION,
        specialty => $SPECIALTY);

    return join ' ', map {
        my $value = $s->{$_};
        "$_=" . ($_ eq 'structure' || $value =~ /\|/ ? $value
            : "$system{$_}|$value");
    } sort keys %$s;
}


# A role or a type that only one test asks for.
sub add_role { my ($name, @code) = @_; $ROLE{$name} = [@code]; return }
sub add_type { my ($name, @codes) = @_; $TYPE{$name} = [@codes]; return }


# The lines of the script that define all of the above, in bytes.
sub definitions {
    my @lines;
    my $add = sub { push @lines, join ' ', 'define', @_ };

    $add->('role', $_, join '|', @{ $ROLE{$_} }) for sort keys %ROLE;

    for my $name (sort keys %SITUATION) {
        my @all = @{ $SITUATION{$name} };
        $add->('situations', $name, join ';', map { situation_text($_) } @all);
        $add->('used', $name, map { situation_text($_) } @all) if @all < 2;
    }

    for my $name (sort keys %TYPE) {
        $add->('type', $name,
            join '+', map { join '|', @$_ } @{ $TYPE{$name} });
    }

    $add->('labels', $_, $LABEL{$_}[0]) for sort keys %LABEL;
    $add->('effects', $_, $EFFECTS{$_}) for sort keys %EFFECTS;
    $add->('offers', $_, $OFFERS{$_}) for sort keys %OFFERS;
    $add->('traits', $_, $TRAITS{$_}) for sort keys %TRAITS;
    $add->('record-traits', $_, $RECORD_TRAITS{$_})
        for sort keys %RECORD_TRAITS;
    $add->('justification', $_, $JUSTIFICATION{$_})
        for sort keys %JUSTIFICATION;

    for my $name (sort keys %DEPOSITED) {
        my $day = $DEPOSITED{$name};
        $add->('deposited', $name, $day ? day_number(@$day) : '');
    }

    utf8::encode($_) for @lines;

    # not UTF-8: it says nothing
    push @lines, "define justification broken \xff\xfe\xff\xfe inconsciente";

    return join("\n", @lines, 'today ' . today()) . "\n";
}

1;
