package DMP::Oracle::Types;

# Document types: which profession reads which (rule H2), which ones a patient
# deposits (P2).  The rows are what is published of the arrêté of 26 October
# 2023, by the names of the documents; which code has which name comes from
# the list of types.

use strict;
use warnings;
use utf8;

use Exporter qw(import);
use JSON::PP ();
use DMP::Oracle::Values ();

our @EXPORT_OK = qw(load all_types has_row reads reads_unknown known own_system
    patient_deposits);

my %ROWS = (
    'Médecin' => { all => 1, unknown => 1, but => [
        'Attestation de résidence',
    ] },
    'Pharmacien' => { all => 1, but => [
        "Demande d'acte de télémédecine",
        "Grille d'évaluation médico-social",
        'Synthèse psychiatrique',
        'Bilan psychologique',
        "Bilan de santé et de prévention de l'enfant",
        'Certificat médical',
        'Certificat, déclaration',
        'Volontés et droits du patient',
        'Directives anticipées',
        'Attestation de résidence',
        "Attestation d'hébergement",
        'Attestation de sortie',
    ] },
    'Infirmier' => { all => 1, but => [
        "Demande d'acte de télémédecine",
        'Synthèse psychiatrique',
        'Bilan psychologique',
        "Bilan de santé et de prévention de l'enfant",
        'Certificat médical',
        'Certificat, déclaration',
        'Attestation de résidence',
    ] },
    'Chirurgien-dentiste' => { all => 1, but => [
        "Projet personnalisé d'accompagnement",
        "Demande d'acte de télémédecine",
        "Lettre de liaison à la sortie d'une structure sociale ou "
            . 'médico-sociale',
        'Bilan psychologique',
        'Synthèse psychiatrique',
        "Bilan de santé et de prévention de l'enfant",
        'Certificat médical',
        'Certificat, déclaration',
        'Attestation de résidence',
    ] },
    'Pédicure-podologue' => { all => 1, but => [
        "Projet personnalisé d'accompagnement",
        "Demande d'acte de télémédecine",
        "Grille d'évaluation médico-social",
        "Lettre de liaison à la sortie d'une structure sociale ou "
            . 'médico-sociale',
        'Bilan psychologique',
        'Synthèse psychiatrique',
        "Bilan de santé et de prévention de l'enfant",
        'Certificat médical',
        'Certificat, déclaration',
        'Volontés et droits du patient',
        'Directives anticipées',
        'Attestation de résidence',
        "Attestation d'hébergement",
        'Attestation de sortie',
    ] },
    'Opticien-lunetier' => { but => [
        'CR de bilan fonctionnel',
        'CR de consultation en ophtalmologie',
        'Schéma dentaire',
        'Traitement ou document de soins déposé par le patient',
        'Prescription (autre)',
        'Prescription de soins',
        'Renouvellement ordonnance par pharmacien correspondant',
        'Intervention pharmaceutique',
        "Prescription d'actes d'orthoptie",
        'Volontés et droits du patient',
        'Autre document du patient',
        'Document administratif déposé par le patient',
    ] },
    'Diététicien' => { but => [
        "CR d'examens biologiques",
        'CR ou fiche de suivi de soins par auxiliaire médical',
        'Plan personnalisé de soins',
        'Mesures de signes vitaux',
        'Prescription de soins',
        'Synthèse médicale',
        "Lettre d'adressage",
    ] },
);

# TRE_G15; assistants of the pharmacist stand in his row.
my %PROFESSION = (
    10 => 'Médecin', 21 => 'Pharmacien', 38 => 'Pharmacien',
    39 => 'Pharmacien', 60 => 'Infirmier', 40 => 'Chirurgien-dentiste',
    80 => 'Pédicure-podologue', 28 => 'Opticien-lunetier',
    95 => 'Diététicien',
);

# The personal space and the directives: what Mon espace santé files there,
# the documents made for deposits by patients, and their questionnaires.
my @PATIENTS = qw(74465-6 EXPPAT_1 EXPPAT_2 EXPPAT_3);

my (@types, %names, %row);


# From the policy: which codes there are, in which systems, and their names.
sub load {
    my ($file) = @_;

    open my $in, '<', $file or die "$file: $!\n";
    my $json = JSON::PP->new->utf8->decode(do { local $/ = undef; <$in> });
    close $in;

    my %system = map { $_->{id} => $_->{names} } @{ $json->{systems} };

    @types = ();
    %names = ();

    for my $type (@{ $json->{types} }) {
        push @types, [$system{ $type->{system} }[0], $type->{code}];
        $names{ $type->{code} } = { name => $type->{name},
            systems => { map { $_ => 1 } @{ $system{ $type->{system} } } } };
    }

    my %is_name = map { $_->{name} => 1 } values %names;

    for my $profession (keys %ROWS) {
        my @unknown = grep { !$is_name{$_} } @{ $ROWS{$profession}{but} };
        die "no type is called @unknown\n" if @unknown;

        $row{$profession} = { map { $_ => 1 } @{ $ROWS{$profession}{but} } };
    }

    return;
}


sub all_types { return @types }
sub known { my ($type) = @_; return exists $names{ $type->[1] } }


sub own_system {
    my ($type) = @_;
    return known($type) && $names{ $type->[1] }{systems}{ $type->[0] };
}


# A profession is [system, code] or undef.
sub has_row {
    my ($profession) = @_;

    return '' unless $profession
        && $profession->[0] eq $DMP::Oracle::Values::G15;
    return $PROFESSION{ $profession->[1] } // '';
}


sub reads {
    my ($profession, $type) = @_;

    my $who = has_row($profession);
    my $listed = $row{$who}{ $names{ $type->[1] }{name} } ? 1 : 0;

    return $ROWS{$who}{all} ? !$listed : $listed;
}


sub reads_unknown {
    my ($profession) = @_;
    return $ROWS{ has_row($profession) }{unknown};
}


sub patient_deposits {
    my ($type) = @_;
    return $type->[1] =~ /^DOCPAT/ || grep { $_ eq $type->[1] } @PATIENTS;
}

1;
