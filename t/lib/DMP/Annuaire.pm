package DMP::Annuaire;

# Extracts of the Annuaire Santé with fictional persons: RPPS numbers that
# begin with 997 or 999, which are those of test identities.

use strict;
use warnings;
use utf8;

use Encode qw(encode);


my @PUBLISHED = (
    "Type d'identifiant PP", 'Identifiant PP', 'Identification nationale PP',
    "Code civilité d'exercice", "Libellé civilité d'exercice",
    'Code civilité', 'Libellé civilité', "Nom d'exercice",
    "Prénom d'exercice", 'Code profession', 'Libellé profession',
    'Code catégorie professionnelle', 'Libellé catégorie professionnelle',
    'Code type savoir-faire', 'Libellé type savoir-faire',
    'Code savoir-faire', 'Libellé savoir-faire', 'Code mode exercice',
    'Libellé mode exercice', 'Numéro SIRET site', 'Numéro SIREN site',
    'Numéro FINESS site', 'Numéro FINESS établissement juridique',
    'Identifiant technique de la structure', 'Raison sociale site',
    'Libellé Voie (coord. structure)', 'Code postal (coord. structure)',
    'Adresse e-mail (coord. structure)',
    'Ancien identifiant de la structure', "Autorité d'enregistrement",
    "Code secteur d'activité", "Libellé secteur d'activité",
    'Code section tableau pharmaciens', 'Libellé section tableau pharmaciens',
    'Code rôle', 'Libellé rôle', 'Code genre activité',
    'Libellé genre activité',
);

my @RESTRICTED = (
    "Type d'identifiant PP", 'Identifiant PP', 'Identification nationale PP',
    'Nom de famille', 'Prénoms', 'Date de naissance', 'Code profession',
    'Code catégorie professionnelle', "Nom d'exercice", 'Code savoir-faire',
    "Code secteur d'activité", 'Code rôle', 'Numéro SIRET site',
    'Numéro FINESS site', 'Identifiant technique de la structure',
    'Ancien identifiant de la structure', 'Autres identifiants',
    "Code genre d'activité",
);


# new(restricted => 1, crlf => 1, encoding => 'cp1252', open => 1): "open" has
# no "|" at the end of a line.
sub new
{
    my ($class, %o) = @_;

    return bless {
        columns => $o{restricted} ? \@RESTRICTED : \@PUBLISHED,
        eol => ($o{open} ? '' : '|') . ($o{crlf} ? "\r\n" : "\n"),
        encoding => $o{encoding} // 'UTF-8',
    }, $class;
}


sub line
{
    my ($self, @fields) = @_;

    return encode($self->{encoding}, join('|', @fields) . $self->{eol});
}


sub header
{
    my ($self) = @_;

    return $self->line(@{ $self->{columns} });
}


# row(id => '899700218896', profession => 10, sector => 'SA07', …): what a
# column is called here stands in the table below.
my %COLUMN = (
    id => 'Identification nationale PP', type => "Type d'identifiant PP",
    number => 'Identifiant PP', profession => 'Code profession',
    category => 'Code catégorie professionnelle',
    specialty => 'Code savoir-faire', sector => "Code secteur d'activité",
    role => 'Code rôle', finess => 'Numéro FINESS site',
    siret => 'Numéro SIRET site',
    technical => 'Identifiant technique de la structure',
    former => 'Ancien identifiant de la structure',
    others => 'Autres identifiants', name => "Nom d'exercice",
    address => 'Libellé Voie (coord. structure)',
);

sub row
{
    my ($self, %value) = @_;

    my %field = (
        $COLUMN{type} => substr($value{id}, 0, 1),
        $COLUMN{number} => substr($value{id}, 1),
        $COLUMN{category} => 'C',
        $COLUMN{name} => 'D"É|PROUVETTE' =~ s/\|//r,
    );

    my $genre = delete $value{genre};
    $field{$_} = $genre for "Code genre activité", "Code genre d'activité";

    for my $name (keys %value) {
        die "no column \"$name\"\n" unless $COLUMN{$name};
        $field{ $COLUMN{$name} } = $value{$name};
    }

    return $self->line(map { $field{$_} // '' } @{ $self->{columns} });
}


# The RPPS of the nth fictional person, as a national identifier.
sub id
{
    my ($n) = @_;

    return sprintf '8%s%08d', $n % 2 ? '999' : '997', $n;
}


# The nth of many persons: one to three rows, by their number.
my @SECTORS = qw(SA01 SA04 SA05 SA07 SA08 SA33);
my @PROFESSIONS = (10, 21, 40, 50, 60, 70);
my @SPECIALTIES = qw(SM26 SM54 SM04 SM42);

sub person
{
    my ($self, $n, %more) = @_;

    return map {
        $self->row(
            id => id($n),
            profession => $PROFESSIONS[$n % @PROFESSIONS],
            specialty => $SPECIALTIES[$n % @SPECIALTIES],
            sector => $SECTORS[($n + $_) % @SECTORS],
            genre => 'GENR01',
            finess => sprintf('99%07d', ($n * 7 + $_) % 20_000),
            %more,
        )
    } 0 .. $n % 3;
}


1;
