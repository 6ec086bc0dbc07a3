package DMP::Oracle::Rights;

# E1: which column of which table speaks for somebody, which rights a request
# needs, and what the cells ask for besides.

use strict;
use warnings;

use Exporter qw(import);
use DMP::Oracle::People qw(words holder kind training occupational treating
    structure_of target_is_self target_is_structure setting);
use DMP::Oracle::Tables qw(cell);
use DMP::Oracle::Values qw(%LABEL %CHANGED);

our @EXPORT_OK = qw(E1 E1_document cell_of cells_of cell_allows needed
    standing);

my %suffix = (normal => 'normal', 'bris-de-glace' => 'bris',
    'centre-15' => 'regulation');


# [table, column], or nothing where no table knows such a subject.
sub standing {
    my ($c) = @_;

    my $card = $c->{certificate} eq 'verified';
    my $token = $c->{token} eq 'verified';
    my ($actor, $auth) = @{$c}{qw(actor auth)};
    my $normal = $c->{mode} eq 'normal';

    # an emergency is the professionals'
    if (holder($c)) {
        return unless $normal && $token && !$card && $auth eq 'session';
        return ['own', uc $actor];
    }

    if ($actor eq 'operator') {
        return unless $normal && $auth eq 'operator' && !$token
            && $c->{certificate} eq 'absent';
        return ['own', 'OPERATOR'];
    }

    return unless $card;

    if ($actor eq 'feeder') {
        return unless $normal && ($auth eq 'direct' || $auth eq 'indirect');
        return ['own', 'FEEDER'];
    }

    if ($actor eq 'structure') {
        return unless $auth eq 'indirect';
        return structure_column($c);
    }

    if ($actor eq 'staff') {
        return unless $normal;
        return ['direct', 'CPE_normal'] if $auth eq 'direct';
        return ['reinforced', 'PE_normal']
            if $auth eq 'indirect-reinforced' && $token;
        return;
    }

    return unless $actor eq 'professional';

    if ($auth eq 'direct') {
        return $token ? undef : person_column($c, 'direct');
    }

    return unless $token;
    return structure_column($c) if $auth eq 'indirect';
    return person_column($c, 'reinforced') if $auth eq 'indirect-reinforced';
    return;
}


sub structure_column {
    my ($c) = @_;

    return ['direct', 'ES_normal'] if $c->{mode} eq 'normal';
    return ['direct', 'ES_regulation'] if $c->{mode} eq 'centre-15';
    return;
}


sub person_column {
    my ($c, $table) = @_;

    my $kind = kind($c);
    my $mode = $suffix{ $c->{mode} };

    return unless $kind && $mode;

    if ($kind eq 'other') {
        return unless $table eq 'reinforced' && $mode eq 'normal';
        return [$table, 'PE_normal'];
    }

    return if training($c) && setting($c, 'training_cards') eq 'none';
    return [$table, "PS_$mode"] if $kind eq 'health';

    # occupational doctors: there is none in reinforced mode
    if (occupational($c)) {
        return unless $table eq 'direct' && $mode eq 'normal';
        return [$table, 'MEDTRAVAIL'];
    }

    # there is no treating physician in centre 15: a doctor like another
    return [$table, "MT_$mode"]
        if treating($c) && !training($c) && $mode ne 'regulation';
    return [$table, "MED_$mode"];
}

my %RIGHT = (
    check => 'check', find => 'find', search => 'search',
    reference => 'reference', read => 'read', deposit => 'deposit',
    replace => 'deposit', mask => 'mask', unmask => 'unmask', hide => 'show',
    show => 'show', delete => 'delete', archive => 'archive',
    unarchive => 'unarchive', history => 'history', create => 'create',
    close => 'close', reopen => 'reopen',
);

my %BY_EFFECT = (
    mask => ['mask'], unmask => ['unmask'], hide => ['show'],
    show => ['show'], delete => ['delete'], supersede => ['deposit'],
    archive => ['archive'], unarchive => ['unarchive'],
    'unmask-and-delete' => ['unmask', 'delete'],
);


# Which rights the request needs, all of them.
sub needed {
    my ($c) = @_;

    my $right = $c->{operation} eq 'rights' ? change_right($c)
        : $RIGHT{ $c->{operation} };

    return unless $right;
    return ($right, @{ $BY_EFFECT{ $c->{effects} } // [] });
}


sub change_right {
    my ($c) = @_;

    my ($change, $actor) = @{$c}{qw(change actor)};
    my $structures = target_is_structure($c)
        && ($actor eq 'staff' || $actor eq 'structure'
            || ($actor eq 'professional' && kind($c) eq 'other'));
    my $self = $actor eq 'professional' && target_is_self($c);

    return if $change eq 'none' || $change eq 'beyond';
    return "$change-self"
        if ($change eq 'authorise' || $change eq 'withdraw')
        && ($self || $structures);
    return 'leave-treating' if $change eq 'dismiss' && $self;
    return 'leave-representative'
        if $change eq 'remove-representative' && $actor eq 'representative'
        && $c->{target} eq 'own-ins' && $c->{own} eq 'representative';
    return $change;
}


# A student only reads.
my $TRAINING = words(qw(check search reference read read-masked read-invisible
    read-archived read-superseded read-deleted));


sub cell_of {
    my ($c, $right) = @_;

    my $standing = standing($c) or return 'non';

    return 'non' if $c->{actor} eq 'professional' && training($c)
        && $c->{auth} ne 'indirect' && !$TRAINING->{$right};
    return $CHANGED{ $c->{policy} }{"$standing->[1] $right"}
        // cell(@$standing, $right);
}


# "deposit" is two rows: TD2.1, and TD2.2 for the staff.
sub cells_of {
    my ($c, $right) = @_;

    return cell_of($c, $right) if $right ne 'deposit';
    return (cell_of($c, 'deposit'), cell_of($c, 'deposit-staff'));
}


sub condition_holds {
    my ($c, $condition) = @_;

    if ($condition eq 'for-structure') {
        return target_is_structure($c) && $c->{consent} eq 'yes';
    }

    if ($condition eq 'imputed-to-structure') {
        return structure_of($c) ne '';
    }

    if ($condition eq 'consent-declared') {
        return $c->{consent} eq 'yes'
            && ($c->{operation} ne 'create' || $c->{answered} eq 'yes');
    }

    # the others ask for a document
    return 1;
}


sub cell_allows {
    my ($c, $cell) = @_;

    return 0 if $cell eq 'non';
    return $cell =~ /\((.*)\)/ ? condition_holds($c, $1) : 1;
}

my %LASTS = (none => 0, past => -1, today => 0, tomorrow => 1, longest => 365,
    'too-long' => 366);


sub E1 {
    my ($c) = @_;

    my @rights = needed($c) or return 'right-missing';

    for my $right (@rights) {
        return 'right-missing'
            unless grep { cell_allows($c, $_) } cells_of($c, $right);

        return 'right-missing'
            if $right eq 'authorise-self' && $c->{consent} ne 'yes';
    }

    return 'right-missing'
        if $c->{operation} eq 'rights' && $c->{change} eq 'authorise'
        && $c->{until} ne 'none'
        && ($LASTS{ $c->{until} } <= 0
            || $LASTS{ $c->{until} } > setting($c, 'authorisation_days'));

    return 'right-missing'
        if $c->{operation} eq 'rights'
        && $c->{change} eq 'name-representative'
        && $LASTS{ $c->{until} } <= 0;

    return;
}


# The same table, once the document is known: what state may be read.
sub E1_document {
    my ($c) = @_;

    return if $c->{operation} ne 'read';

    my @rows;

    push @rows, 'read-archived' if $c->{archived} eq 'yes';
    push @rows, 'read-superseded' if $c->{status} eq 'superseded';
    push @rows, 'read-deleted' if $c->{status} eq 'deleted';
    push @rows, 'read-superseded', 'read-deleted'
        if $c->{status} eq 'unknown' || $c->{status} eq 'beyond';
    push @rows, 'read-invisible' if $LABEL{ $c->{labels} }[1] =~ /[ir]/;

    for my $right (@rows) {
        return 'right-missing' unless cell_allows($c, cell_of($c, $right));
    }

    return;
}

1;
