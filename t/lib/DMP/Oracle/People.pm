package DMP::Oracle::People;

# Who the subject is: profession, situation of practice, what they are to the
# record and to the document.  Cases are hashes of named values (Values.pm).

use strict;
use warnings;

use Exporter qw(import);
use DMP::Oracle::Values qw(%ROLE %SITUATION %SETTINGS);

our @EXPORT_OK = qw(words holder emergency feeds kind profession training
    excluded occupational knows_situation structure_of treating blocked grant
    treating_physician is_author is_structures own_document target_is_self
    target_is_structure says_enough favours_blocked record_is_there setting);



# A set.
sub words { my %set = map { $_ => 1 } @_; return \%set }

my $HOLDER = words(qw(patient representative));


sub holder { my ($c) = @_; return $HOLDER->{ $c->{actor} } }


sub emergency {
    my ($c) = @_;
    return $c->{mode} eq 'bris-de-glace' || $c->{mode} eq 'centre-15';
}

# Feeding identities, and a professional whom only a structure vouches for.
my $FEEDING = words(qw(staff structure feeder));


sub feeds {
    my ($c) = @_;
    return 1 if $FEEDING->{ $c->{actor} };
    return $c->{actor} eq 'professional' && $c->{auth} eq 'indirect';
}

my %DEFAULT = (
    ins_key => 1,
    occupational_doctors => 'none',
    training_cards => 'none',
    justification_characters => 10,
    invisible_to_patient_months => 1,
    authorisation_days => 365,
);


sub setting {
    my ($c, $name) = @_;
    return $SETTINGS{ $c->{policy} }{$name} // $DEFAULT{$name};
}


# TRE_G15 is the health professions and, for cards alone, the psychologist;
# TRE_G16 the students of four of them; the other systems (titles, social
# professions, roles) are no health professions.
my $G15 = $DMP::Oracle::Values::G15;
my $G16 = $DMP::Oracle::Values::G16;

my %KNOWN = (
    $G15 => [qw(10 21 26 28 31 32 35 36 37 38 39 40 50 60 69 70 80 81 82 83
        84 85 86 91 92 93 94 95 96 98)],
    $G16 => [qw(10 21 40 50)],
    '1.2.250.1.213.1.6.1.109' => [qw(71 72 73 93 97)],
    '1.2.250.1.213.1.6.1.4' => [41 .. 49, 51 .. 53],
    '1.2.250.1.213.1.6.1.140' => [99],
    '1.2.250.1.213.1.6.1.107' => [300 .. 329, 331 .. 335, 350 .. 353],
);

my %known;

for my $system (keys %KNOWN) {
    $known{"$system|$_"} = 1 for @{ $KNOWN{$system} };
}


# [system, code] of what they are, or train for; undef if nobody knows.
sub profession {
    my ($c) = @_;

    my ($system, $code) = @{ $ROLE{ $c->{role} } };

    return unless $known{"$system|$code"};
    return [$system eq $G16 ? $G15 : $system, $code];
}


sub training {
    my ($c) = @_;
    return $ROLE{ $c->{role} }[0] eq $G16;
}

my %kind;


# doctor, health, other; "" if the profession is not known.
sub kind {
    my ($c) = @_;
    return $kind{ $c->{role} } //= kind_of($c);
}


sub kind_of {
    my ($c) = @_;

    my $profession = profession($c) or return '';
    my ($system, $code) = @$profession;

    return 'other' if $system ne $G15 || $code eq '93';
    return $code eq '10' ? 'doctor' : 'health';
}


# The sector is what tells where somebody stands for D1.
sub knows_situation {
    my ($c) = @_;

    return scalar(grep { $_->{sector} } @{ $SITUATION{ $c->{used} } },
        @{ $SITUATION{ $c->{situations} } }) > 0;
}


# Positive evidence: of the situation used, or else of each that is known.  One
# without a sector tells only by what else is bad about it.
sub all_bad {
    my ($c, $bad) = @_;

    my @used = @{ $SITUATION{ $c->{used} } };

    return 1 if grep { $bad->($_) } @used;
    return 0 if grep { $_->{sector} } @used;

    my @known = grep { $_->{sector} || $bad->($_) }
        @{ $SITUATION{ $c->{situations} } };

    return @known > 0 && !grep { !$bad->($_) } @known;
}


# Insurers, social security and its advisers, employers (banks among them).
sub is_excluded {
    my ($s) = @_;
    return 1 if ($s->{sector} // '') =~ /^SA(?:23|24|48|44)$/;
    return ($s->{activity} // '') eq 'FON-19';
}


sub is_occupational {
    my ($c, $s) = @_;

    # who trains for a doctor is one in this
    my $profession = profession($c) or return 0;

    return 0 unless $profession->[0] eq $G15 && $profession->[1] eq '10';
    return 1 if ($s->{sector} // '') =~ /^SA(?:13|66)$/;
    return 1 if ($s->{specialty} // '') eq 'SM25';
    return ($s->{activity} // '') eq 'FON-29';
}

my (%excluded, %occupational);


sub excluded {
    my ($c) = @_;

    my $key = join ' ', @{$c}{qw(policy actor role used situations)};

    return $excluded{$key} //= do {
        my $deny = setting($c, 'occupational_doctors') eq 'none'
            && $c->{actor} eq 'professional';

        all_bad($c, sub {
            is_excluded($_[0]) || ($deny && is_occupational($c, $_[0]))
        }) ? 1 : 0;
    };
}


sub occupational {
    my ($c) = @_;

    my $key = join ' ', @{$c}{qw(role used situations)};

    return $occupational{$key} //=
        all_bad($c, sub { is_occupational($c, $_[0]) }) ? 1 : 0;
}


# The record and the documents name the person by one national identifier;
# one who comes under another of theirs ("alias") has this one beside it.
sub is_named {
    my ($c) = @_;
    return $c->{id} eq 'named' || $c->{id} eq 'alias';
}


sub record_is_there {
    my ($c) = @_;
    return $c->{store} eq 'present' || $c->{store} eq 'other-patient';
}


sub treating {
    my ($c) = @_;
    return $c->{treating} eq 'yes' && is_named($c) && record_is_there($c);
}


sub blocked {
    my ($c) = @_;
    return $c->{blocked} eq 'yes' && is_named($c) && record_is_there($c);
}


# none, valid, expired, future
sub grant {
    my ($c) = @_;

    my $grant = $c->{grant};

    return 'none' unless record_is_there($c);
    return $c->{id} eq 'structure' ? 'valid' : 'none'
        if $grant eq 'structure';
    return 'none' unless is_named($c);
    return 'valid' if $grant eq 'renewed';
    return $grant;
}


# Who feeds does it for the structure, and so does who is no health
# professional; a doctor's or a nurse's acts are their own.
sub acts_for_structure {
    my ($c) = @_;

    return 1 if $c->{actor} =~ /^(?:staff|structure|feeder)$/;
    return 0 if $c->{actor} ne 'professional';
    return $c->{auth} eq 'indirect' || kind($c) eq 'other';
}


# The structure they act for; a structure is its own.
sub structure_of {
    my ($c) = @_;

    return '' unless acts_for_structure($c);
    return 'own' if $c->{structure} eq 'own';
    return 'another' if grep { $_->{structure} } @{ $SITUATION{ $c->{used} } };
    return '' unless $c->{actor} eq 'structure' || $c->{actor} eq 'feeder';
    return $c->{id} eq 'structure' ? 'own' : $c->{id};
}


sub is_author {
    my ($c) = @_;

    return is_named($c) if $c->{author} eq 'self';
    return $c->{id} eq 'alias' if $c->{author} eq 'alias';
    return 0;
}


sub is_structures {
    my ($c) = @_;
    return $c->{'doc-structure'} eq 'own' && structure_of($c) eq 'own';
}


sub own_document {
    my ($c) = @_;
    return is_author($c) || is_structures($c);
}


sub target_is_self {
    my ($c) = @_;

    return is_named($c) if $c->{target} eq 'self';
    return $c->{id} eq 'alias' if $c->{target} eq 'alias';
    return $c->{id} eq 'structure' if $c->{target} eq 'structure';
    return 0;
}


sub target_is_structure {
    my ($c) = @_;
    return $c->{target} eq 'structure' && structure_of($c) eq 'own';
}


# What is to be, where there is a choice.
sub says_enough {
    my ($c) = @_;

    my ($change, $says) = @{$c}{qw(change says)};

    return $says eq 'masking' if $change eq 'mask-default';
    return $says =~ /^(?:first|second|third)$/
        if $change eq 'oppose' || $change eq 'contact';
    return $c->{until} ne 'none' if $change eq 'name-representative';
    return 1;
}


# Whoever asks: who is blocked is unblocked first.
sub favours_blocked {
    my ($c) = @_;

    return 0 if $c->{operation} ne 'rights'
        || $c->{change} !~ /^(?:authorise|designate)$/;
    return 1 if $c->{target} =~ /another$/;
    return $c->{target} eq 'self' && $c->{blocked} eq 'yes';
}


# Who is treating is a physician.
sub treating_physician {
    my ($c) = @_;

    return $c->{actor} eq 'professional' && treating($c)
        && kind($c) eq 'doctor' && !training($c) && !occupational($c);
}

1;
