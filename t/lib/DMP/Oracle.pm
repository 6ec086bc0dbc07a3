package DMP::Oracle;

# The rules, read aloud: a second implementation, as plain as can be, that
# t/200-rules.t compares the core with.  It is written from the rules and the
# tables, not from the core.
#
# A case is a hash: dimension => name of a value (t/oracle/case.c has the
# dimensions, DMP::Oracle::Values what the names stand for).  Each rule is a
# sub that gives the reason why it denies, or nothing.

use strict;
use warnings;

use Exporter qw(import);
use DMP::Oracle::People qw(words holder emergency feeds kind profession
    excluded knows_situation treating_physician blocked grant is_author
    is_structures own_document says_enough favours_blocked record_is_there
    setting);
use DMP::Oracle::Rights qw(E1 E1_document cell_of cells_of cell_allows needed
    standing);
use DMP::Oracle::Types ();
use DMP::Oracle::Values qw(%TYPE %LABEL %VISIBLE %DEPOSITED today
    months_later);

our @EXPORT_OK = qw(verdict answer opens);

my $TODAY = today();

my $ACTORS = words(qw(patient representative professional staff structure
    feeder operator));
my $OPERATIONS = words(qw(check find search reference read deposit replace
    mask unmask hide show delete archive unarchive history rights create close
    reopen metadata));


# A: who asks.

sub A1 {
    my ($c) = @_;

    return if $c->{certificate} ne 'absent' || $c->{token} ne 'absent';
    # the account on the machine, of somebody
    return if $c->{auth} eq 'operator' && $c->{actor} eq 'operator'
        && $c->{id} ne 'empty';
    return 'authentication-required';
}


sub makes_somebody {
    my ($c) = @_;
    return $ACTORS->{ $c->{actor} } && $c->{id} ne 'empty';
}


sub A2 {
    my ($c) = @_;

    return if $c->{certificate} eq 'absent';
    return 'certificate-rejected' if $c->{certificate} ne 'verified';
    return 'certificate-rejected' unless makes_somebody($c);
    return;
}


sub A3 {
    my ($c) = @_;

    return if $c->{token} eq 'absent';
    return 'token-rejected' if $c->{token} ne 'verified';
    return 'token-rejected' unless makes_somebody($c);
    return;
}


# A token beside a certificate is one identity only where the structure's
# certificate carries a token that names the person.
sub A4 {
    my ($c) = @_;

    return if $c->{certificate} ne 'verified' || $c->{token} ne 'verified';
    return 'identity-ambiguous'
        if $c->{actor} ne 'professional' && $c->{actor} ne 'staff';
    return if $c->{auth} eq 'indirect' || $c->{auth} eq 'indirect-reinforced';
    return 'identity-ambiguous';
}


# B: what is asked.

my $ON_DOCUMENTS = words(qw(reference read replace mask unmask hide show delete
    archive unarchive));
my $NAMES_INS = words(qw(ins bad-ins short-ins other-ins both
    ins-and-attachment));
my $CHANGES_DOCUMENT = words(qw(deposit replace mask unmask hide show delete
    archive unarchive));
my $ABOUT_NOBODY = words(qw(oppose mask-default contact));


sub B1 {
    my ($c) = @_;

    my $mapping = $c->{mapping};

    # what cannot be read, or will not be written, is nothing we know
    return 'operation-unknown'
        if $mapping =~ /^(?:operation-unknown|format|media)$/;
    return 'request-ambiguous'
        if $mapping ne 'one' && $mapping ne 'ins-invalid';
    return 'operation-unknown' unless $OPERATIONS->{ $c->{operation} };
    return if $mapping eq 'ins-invalid';

    my $document = $c->{on} eq 'document' || $c->{on} eq 'both';
    my $patient = $NAMES_INS->{ $c->{on} };

    # only what changes a document changes something of it
    return 'request-ambiguous' if $c->{effects} ne 'none'
        && !$CHANGES_DOCUMENT->{ $c->{operation} };

    # the host is nobody's
    if ($c->{operation} eq 'metadata') {
        return $c->{on} eq 'nothing' ? undef : 'request-ambiguous';
    }

    # an attachment is there to be read
    if ($c->{on} =~ /attachment/) {
        return $c->{operation} eq 'read' ? undef : 'request-ambiguous';
    }

    # who has no INS is looked for by traits, all of them
    if ($c->{operation} eq 'find') {
        return 'request-ambiguous' if $patient || $document
            || $c->{traits} =~ /^(?:none|no-.*)$/;
        return;
    }

    if ($c->{operation} eq 'rights') {
        return 'request-ambiguous'
            if $c->{change} eq 'none' || $c->{change} eq 'beyond';
        return 'request-ambiguous' if $c->{target} eq 'none'
            && !$ABOUT_NOBODY->{ $c->{change} };
        return 'request-ambiguous' unless says_enough($c);
    }

    # a document alone says whose it is, to what is done with it
    return if $patient;
    return if $document && $ON_DOCUMENTS->{ $c->{operation} };
    return 'request-ambiguous';
}


sub B2 {
    my ($c) = @_;

    return 'ins-invalid' if $c->{mapping} eq 'ins-invalid';
    return 'ins-invalid' if $c->{operation} eq 'rights'
        && $c->{change} eq 'name-representative' && $c->{target} ne 'own-ins';
    return 'ins-invalid' if $c->{on} eq 'short-ins';
    return 'ins-invalid' if $c->{on} eq 'bad-ins' && setting($c, 'ins_key');
    return;
}


# X1: the store said what the record is, and it is the one asked for.
sub X1 {
    my ($c) = @_;

    my $asked = request_ins($c);

    return if $c->{operation} eq 'find' && $asked eq ''
        && $c->{store} eq 'silent';
    return if $c->{store} eq 'absent';
    return 'trace-unavailable' unless record_is_there($c);
    return 'trace-unavailable' if $asked ne '' && $asked ne record_ins($c);
    return;
}


sub request_ins {
    my ($c) = @_;

    my $on = $c->{on};

    return 'patient' if $on eq 'ins' || $on =~ /^(?:both|ins-and-)/;
    return 'other' if $on eq 'other-ins';
    return $NAMES_INS->{$on} ? $on : '';
}


sub record_ins {
    my ($c) = @_;

    return '' unless record_is_there($c);
    return $c->{store} eq 'present' ? 'patient' : 'other';
}


# P1, D: the asker and this record.

sub P1 {
    my ($c) = @_;

    return unless holder($c);

    if ($c->{actor} eq 'representative') {
        return if record_is_there($c) && $c->{own} eq 'representative'
            && $c->{representative} eq 'named';
        return 'not-own-record';
    }

    my $ins = record_is_there($c) ? record_ins($c) : request_ins($c);

    return if $ins ne '' && $c->{own} eq $ins;
    return 'not-own-record';
}

my $MAY_BE_EXCLUDED = words(qw(professional staff structure));


sub D1 {
    my ($c) = @_;

    return unless $MAY_BE_EXCLUDED->{ $c->{actor} };
    return 'actor-excluded' if excluded($c);
    return;
}

my $FEED = words(qw(check reference delete deposit replace));
my $CHANNELS = words(qw(any read feed));


sub D2 {
    my ($c) = @_;

    my $operation = $c->{operation};
    my $channel = $c->{channel};

    return 'channel-mismatch' unless $CHANNELS->{$channel};

    if (feeds($c) && !$FEED->{$operation}) {
        return 'channel-mismatch' if $c->{actor} eq 'feeder';
        return 'channel-mismatch' unless $operation eq 'create'
            || $operation eq 'rights' || $operation eq 'find';
    }

    if ($channel eq 'read') {
        return 'channel-mismatch' if feeds($c) || $operation eq 'deposit'
            || $operation eq 'replace' || $operation eq 'create';
    }

    if ($channel eq 'feed') {
        return 'channel-mismatch'
            unless $FEED->{$operation} || $operation eq 'create';
    }

    return;
}


# C: the record.

sub C1 {
    my ($c) = @_;

    return if $c->{operation} eq 'check' || $c->{operation} eq 'find';

    if ($c->{operation} eq 'create') {
        return record_is_there($c) ? 'record-exists' : undef;
    }

    return record_is_there($c) ? undef : 'record-absent';
}


sub C2 {
    my ($c) = @_;

    my $operation = $c->{operation};

    return if !record_is_there($c) || $c->{open} eq 'yes';
    return if $operation eq 'check';
    # closed twice is closed
    return if $operation =~ /^(?:history|reopen|close)$/
        && (holder($c) || $c->{actor} eq 'operator');
    return 'record-closed';
}


# F1, G: what the patient wants.

my $NOT_BLOCKED = words(qw(check deposit create));


sub F1 {
    my ($c) = @_;

    return 'blocked' if favours_blocked($c);
    return if $NOT_BLOCKED->{ $c->{operation} };
    return if holder($c) || $c->{actor} eq 'operator';
    return blocked($c) ? 'blocked' : undef;
}

my $WANT_GRANT = words(qw(search read mask unmask hide show archive
    unarchive));


sub wants_grant {
    my ($c) = @_;

    return 0 if $c->{actor} ne 'professional' || $c->{mode} ne 'normal';
    return 1 if $c->{effects} =~ /mask|hide|show|archive/;
    return 1 if $WANT_GRANT->{ $c->{operation} };
    return $c->{operation} eq 'reference' && $c->{document} ne 'none'
        && !own_document($c);
}


sub G1 {
    my ($c) = @_;

    return unless wants_grant($c);
    return if treating_physician($c);

    my $grant = grant($c);

    return if $grant eq 'valid';
    return $grant eq 'expired' ? 'authorisation-expired' : 'not-authorised';
}


sub G2 {
    my ($c) = @_;

    return if $c->{mode} ne 'bris-de-glace' || !record_is_there($c);
    return $c->{bris} eq 'yes' ? undef : 'emergency-opposed';
}


sub G3 {
    my ($c) = @_;

    return if $c->{mode} ne 'bris-de-glace';
    return if $VISIBLE{ $c->{justification} }
        >= setting($c, 'justification_characters');
    return 'justification-missing';
}

# Which of family name, given name and birth date are right, and whether by
# the used name or that of birth.
my %TRAITS = (
    none => '', match => 'ugd', birth => 'bgd', variant => 'ugd',
    'birth-variant' => 'bgd', 'family-wrong' => 'gd', 'family-part' => 'gd',
    'given-wrong' => 'ud', 'date-wrong' => 'ug', 'no-given' => 'ud',
    'no-family' => 'gd', 'no-date' => 'ug',
);

my %HELD = (
    full => 'ubgd', 'no-birth' => 'ugd', 'only-birth' => 'bgd',
    'no-family' => 'gd', 'no-given' => 'ubd', 'no-date' => 'ubg', none => '',
);


sub G4 {
    my ($c) = @_;

    my $find = $c->{operation} eq 'find';

    return if !record_is_there($c);
    return if $c->{mode} ne 'bris-de-glace' && !$find;

    my $held = $HELD{ $c->{'record-traits'} };
    my $right = $TRAITS{ $c->{traits} };

    # who is looked for has all three
    return 'traits-mismatch'
        if $find && !($held =~ /[ub]/ && $held =~ /g/ && $held =~ /d/);

    # what the record does not hold is not compared
    return 'traits-mismatch' if $held =~ /[ub]/ && !(
        ($held =~ /u/ && $right =~ /u/) || ($held =~ /b/ && $right =~ /b/));
    return 'traits-mismatch' if $held =~ /g/ && $right !~ /g/;
    return 'traits-mismatch' if $held =~ /d/ && $right !~ /d/;
    return;
}


my %OFFERED = (
    none => words(), normal => words('normal'), bris => words('bris-de-glace'),
    usual => words('normal', 'bris-de-glace'),
    'centre-15' => words('centre-15'),
    all => words('normal', 'bris-de-glace', 'centre-15'),
);


sub G5 {
    my ($c) = @_;

    return if $c->{mode} ne 'centre-15';
    return if $c->{regulator} eq 'yes' && $OFFERED{ $c->{offers} }{'centre-15'};
    return 'not-regulator';
}


sub G6 {
    my ($c) = @_;

    return if $c->{mode} ne 'centre-15' || !record_is_there($c);
    return $c->{centre15} eq 'yes' ? undef : 'emergency-opposed';
}

sub G7 {
    my ($c) = @_;
    return $OFFERED{ $c->{offers} }{ $c->{mode} } ? undef : 'mode-unavailable';
}


# H: the document.

my $SEARCHES = words(qw(search reference));


sub H1 {
    my ($c) = @_;

    my $document = $c->{document};

    return 'document-foreign' unless record_is_there($c);
    return 'document-foreign' if $document eq 'two' || $document eq 'vague';

    if ($document eq 'unnamed') {
        # the index says whose it is, or a search for this patient
        return if $c->{indexed} eq 'yes';
        return if $SEARCHES->{ $c->{operation} } && request_ins($c) ne '';
        return 'document-foreign';
    }

    my $whose = $document eq 'same' ? 'patient' : 'other';

    return $whose eq record_ins($c) ? undef : 'document-foreign';
}

my $LOOK = words(qw(search read reference));


sub H2 {
    my ($c) = @_;

    return if $c->{actor} ne 'professional' || $c->{auth} eq 'indirect';

    # PE looks for a reference to delete it: the structure's, says H6
    return if kind($c) eq 'other' && $c->{operation} eq 'reference';
    return if !$LOOK->{ $c->{operation} } && own_document($c);

    my $who = profession($c);

    if (!DMP::Oracle::Types::has_row($who)) {
        return emergency($c) ? undef : 'type-not-allowed';
    }

    my @codes = @{ $TYPE{ $c->{type} } };
    my @known = grep { DMP::Oracle::Types::known($_) } @codes;

    return 'type-not-allowed'
        if grep { !DMP::Oracle::Types::reads($who, $_) } @known;

    # one code that is all right says what the document is
    return if grep { DMP::Oracle::Types::own_system($_) } @known;
    return if DMP::Oracle::Types::reads_unknown($who);
    return 'type-not-allowed';
}


sub masked {
    my ($c) = @_;

    return 1 if $LABEL{ $c->{labels} }[1] =~ /p/;
    return 1 if $c->{lists} =~ /^(?:masked|masked-by-id|both)$/;
    # only its name unmasks: the id of a document does not last
    return $c->{'by-default'} eq 'yes' && $c->{lists} ne 'unmasked';
}


sub H3 {
    my ($c) = @_;

    # who sees no document changes one as its patient asked
    return if holder($c) || $c->{actor} eq 'operator' || !masked($c);

    my $cell = cell_of($c, 'read-masked');

    if (emergency($c)) {
        return if $c->{'emergency-masked'} eq 'yes' && $cell ne 'non';
        # a change shows nothing: whose document it is counts
        return if own_document($c)
            && $CHANGES_DOCUMENT->{ $c->{operation} };
        return 'masked';
    }

    return if own_document($c) || $cell eq 'oui';
    return 'masked';
}


sub H4 {
    my ($c) = @_;

    return unless holder($c) && $LABEL{ $c->{labels} }[1] =~ /i/;

    my $day = $DEPOSITED{ $c->{deposited} };

    return if $day && $TODAY >= months_later(@$day,
        setting($c, 'invisible_to_patient_months'));
    return 'invisible-to-patient';
}


sub H5 {
    my ($c) = @_;

    return if $c->{actor} ne 'representative';
    return $LABEL{ $c->{labels} }[1] =~ /r/ ? 'invisible-to-representatives'
        : undef;
}

my $KEPT_BY_PATIENT = words(qw(archive unarchive delete));


sub treats {
    my ($c) = @_;
    my $standing = standing($c);
    return $standing && $standing->[1] =~ /^MT_/;
}


sub H6 {
    my ($c) = @_;

    for my $right (needed($c)) {
        if ($KEPT_BY_PATIENT->{$right} && $c->{'by-patient'} eq 'yes') {
            return 'not-author' unless holder($c) || treats($c);
            next;
        }

        my ($cell) = grep { cell_allows($c, $_) } cells_of($c, $right);

        return 'not-author' unless document_condition($c, $cell);
    }

    return unless $c->{operation} eq 'replace'
        || $c->{effects} eq 'supersede';

    return if holder($c) ? $c->{'by-patient'} eq 'yes'
        : own_document($c) || treats($c);
    return 'not-author';
}


sub document_condition {
    my ($c, $cell) = @_;

    return is_author($c) if $cell =~ /own-documents/;
    return is_structures($c)
        if $cell =~ /structure-documents|reference-to-own/;
    return $c->{'by-patient'} eq 'yes' if $cell =~ /own-deposits/;
    return 1;
}


sub H7 {
    my ($c) = @_;

    return 'change-not-allowed'
        if $c->{effects} eq 'other' || $c->{effects} eq 'beyond';

    # only what is current is superseded
    return 'change-not-allowed' if $c->{operation} ne 'deposit'
        && ($c->{operation} eq 'replace' || $c->{effects} eq 'supersede')
        && $c->{status} ne 'current';

    return;
}


sub P2 {
    my ($c) = @_;

    return unless holder($c) && $c->{operation} eq 'deposit';

    my @codes = @{ $TYPE{ $c->{type} } };

    return 'deposit-not-allowed' if $c->{'by-patient'} ne 'yes' || !@codes;
    return 'deposit-not-allowed'
        if grep { !DMP::Oracle::Types::own_system($_)
            || !DMP::Oracle::Types::patient_deposits($_) } @codes;
    return;
}


# The order, and what an allowed request comes with.

my @REQUEST = map { [$_, \&{"DMP::Oracle::$_"}] } qw(A1 A2 A3 A4 B1 B2 X1 P1
    D1 D2 C1 C2 E1 F1 G5 G7 G1 G2 G3 G4 G6);
my @DOCUMENT = map { [$_, \&{"DMP::Oracle::$_"}] } qw(H1 H2 H3 H4 H5 H6 H7);


my $AUTHS = words(qw(direct indirect indirect-reinforced operator session));


# Whoever comes in may ask what the host can do: no patient is concerned, so no
# record, no right and no emergency.
sub metadata_denial {
    my ($c) = @_;

    my $excluded = D1($c);

    return ('D1', $excluded) if $excluded;
    return ('D2', 'channel-mismatch') unless $CHANNELS->{ $c->{channel} };
    return ('E1', 'right-missing') unless $AUTHS->{ $c->{auth} };
    return ('G7', 'mode-unavailable')
        if $c->{mode} eq 'bris-de-glace' || G7($c);

    # the answer is no document
    return ('H1', 'document-foreign') if $c->{document} ne 'none';
    return;
}


sub denial {
    my ($c) = @_;

    for my $rule (@REQUEST) {
        return metadata_denial($c)
            if $rule->[0] eq 'X1' && $c->{operation} eq 'metadata';

        my $reason = $rule->[1]->($c);
        return ($rule->[0], $reason) if $reason;
    }

    # what changes a document is decided with it, or not at all
    if ($c->{document} eq 'none') {
        return $CHANGES_DOCUMENT->{ $c->{operation} }
            ? ('H1', 'document-foreign') : ();
    }

    if ($c->{operation} eq 'deposit') {
        for my $rule (['H1', \&H1], ['H7', \&H7], ['P2', \&P2]) {
            my $reason = $rule->[1]->($c);
            return ($rule->[0], $reason) if $reason;
        }
        return;
    }

    my $reason = E1_document($c);
    return ('E1', $reason) if $reason;

    for my $rule (@DOCUMENT) {
        $reason = $rule->[1]->($c);
        return ($rule->[0], $reason) if $reason;
    }

    return;
}

my %COMES_WITH = (
    check => ['compose'],
    find => ['compose', 'filter'],
    history => ['compose', 'filter'],
    search => ['filter'],
    reference => ['filter'],
    read => ['judge'],
    metadata => ['judge'],
    deposit => ['forward-change', 'notify-document'],
    replace => ['forward-change', 'notify-document', 'change-record',
        'carry-labels'],
    mask => ['forward-change', 'change-record'],
    unmask => ['forward-change', 'change-record'],
    (map { $_ => ['forward-change'] } qw(hide show delete archive unarchive)),
    create => ['change-record', 'notify-record-created'],
    (map { $_ => ['change-record'] } qw(rights close reopen)),
);

my $CHANGES_RIGHTS = words(qw(rights mask unmask close reopen));


# What is found may come with its content: for those who could read it.
sub could_read {
    my ($c) = @_;

    local $c->{operation} = 'read';

    return 0 if cell_of($c, 'read') eq 'non';
    return 0 if $c->{document} ne 'none' && E1_document($c);
    return G1($c) ? 0 : 1;
}


sub obligations {
    my ($c) = @_;

    my $operation = $c->{operation};
    my @all = ('trace', @{ $COMES_WITH{$operation} });
    my @cells = map { cells_of($c, $_) } needed($c);

    push @all, 'notify-first-access' if $c->{actor} eq 'professional'
        && ($operation eq 'search' || $operation eq 'read'
            || $operation eq 'reference' && could_read($c));
    push @all, 'notify-emergency' if emergency($c) && $operation ne 'metadata'
        && ($c->{actor} eq 'professional' || $c->{actor} eq 'structure');
    push @all, 'notify-rights-changed' if $c->{actor} ne 'patient'
        && ($CHANGES_RIGHTS->{$operation} || $c->{effects} =~ /mask/);
    push @all, 'change-record' if $c->{effects} =~ /mask/;
    push @all, 'change-record', 'carry-labels'
        if $c->{effects} eq 'supersede';
    push @all, 'metadata-only' if $SEARCHES->{$operation} && !could_read($c);
    push @all, 'impute'
        if grep { /imputed-to-structure|for-structure/ } @cells;
    push @all, 'own-only' if grep { /own-traces/ } @cells;

    return @all;
}


# D1 has nothing to look at.
sub unverified {
    my ($c) = @_;

    return 0 if $c->{actor} ne 'professional';
    return knows_situation($c) ? 0 : 1;
}


# Which rule an allowed request rests on.
sub granted_by {
    my ($c) = @_;

    return 'E1' if $c->{operation} eq 'metadata';
    return 'P1' if holder($c);
    return 'G1' if $c->{actor} eq 'professional' && $c->{mode} eq 'normal'
        && ($WANT_GRANT->{ $c->{operation} }
            || $c->{operation} eq 'reference');
    return 'G2' if $c->{mode} eq 'bris-de-glace';
    return 'G5' if $c->{mode} eq 'centre-15';
    return 'E1';
}


# (effect, rule, reason, unverified, obligations...)
sub verdict {
    my ($c) = @_;

    my ($rule, $reason) = denial($c);

    if ($reason) {
        return ($rule eq 'X1' ? 'error' : 'deny', $rule, $reason,
            unverified($c), 'trace');
    }

    $rule = granted_by($c);

    return ('allow', $rule, 'none', unverified($c), obligations($c));
}

# What "check" tells besides: (authorisation, treating).
sub answer {
    my ($c) = @_;

    my $treating = treating_physician($c);
    my $grant = grant($c);

    return ('forbidden', $treating) if blocked($c);
    return ('valid', $treating) if $treating;
    return ($grant eq 'future' ? 'none' : $grant, $treating);
}

# Traits that are those of the record.
my %RIGHT_TRAITS = ('only-birth' => 'birth');


# Whether bris de glace opens what the normal mode denies.
sub opens {
    my ($c) = @_;

    return 0 if $c->{mode} ne 'normal' || !record_is_there($c);

    my ($effect) = verdict($c);

    return 0 if $effect ne 'deny';

    ($effect) = verdict({ %$c, mode => 'bris-de-glace',
        justification => 'twelve',
        traits => $RIGHT_TRAITS{ $c->{'record-traits'} } // 'match' });

    return $effect eq 'allow';
}

1;
