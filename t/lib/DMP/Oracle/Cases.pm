package DMP::Oracle::Cases;

# Which cases t/200-rules.t asks: products of some dimensions around a base in
# which all is well, for each of the people who come.  A product is a name,
# bases, and dimensions with their values, the last one fastest.

use strict;
use warnings;

use Exporter qw(import);
use DMP::Oracle::People ();
use DMP::Oracle::Types qw(all_types);
use DMP::Oracle::Values qw(%ROLE %SITUATION %TYPE %LABEL %VISIBLE %DEPOSITED
    %SETTINGS %TRAITS add_role add_type);

our @EXPORT_OK = qw(base products relations openings each_case prepare random_cases);

# A doctor with a card, authorised, in an ordinary practice.
my %BASE = (
    policy => 'standard', certificate => 'verified', token => 'absent',
    actor => 'professional', auth => 'direct', id => 'named', own => 'none',
    role => 'doctor', used => 'liberal', situations => 'none',
    structure => 'none', regulator => 'yes', mapping => 'one', on => 'ins',
    operation => 'search', change => 'none', target => 'none',
    says => 'nothing',
    consent => 'yes', answered => 'yes', until => 'none', mode => 'normal',
    offers => 'all', channel => 'any', justification => 'ten',
    traits => 'match', effects => 'none', store => 'present', open => 'yes',
    blocked => 'no', treating => 'no', grant => 'valid', bris => 'yes',
    centre15 => 'yes', 'emergency-masked' => 'no', representative => 'named',
    'record-traits' => 'full', lists => 'none', 'by-default' => 'no',
    document => 'none', type => 'consultation', labels => 'none',
    author => 'no', 'doc-structure' => 'no', 'by-patient' => 'no',
    status => 'current', archived => 'no', deposited => 'long-ago',
    indexed => 'no',
);

my %CARD = (certificate => 'verified', token => 'absent', auth => 'direct');
my %AIR = (certificate => 'verified', token => 'verified',
    auth => 'indirect-reinforced', structure => 'own');
my %INDIRECT = (certificate => 'verified', token => 'verified',
    auth => 'indirect', structure => 'own');
my %SIGNED_IN = (certificate => 'absent', token => 'verified',
    auth => 'session', role => 'none', used => 'none', regulator => 'unknown');

my %PERSONA = (
    doctor => { %CARD },
    treating => { %CARD, treating => 'yes', grant => 'none' },
    pharmacist => { %CARD, role => 'pharmacist' },
    nurse => { %CARD, role => 'nurse' },
    physio => { %CARD, role => 'physio' },
    psychologist => { %CARD, role => 'psychologist' },
    occupational => { %CARD, policy => 'table', used => 'work-doctor' },
    student => { %CARD, policy => 'training', role => 'cpf-doctor' },
    'pharmacy-student' => { %CARD, policy => 'training',
        role => 'cpf-pharmacist' },
    'doctor-of-a-structure' => { %CARD, structure => 'own' },
    'doctor-air' => { %AIR },
    'treating-air' => { %AIR, treating => 'yes', grant => 'none' },
    'nurse-air' => { %AIR, role => 'nurse' },
    'psychologist-air' => { %AIR, role => 'psychologist' },
    'occupational-air' => { %AIR, policy => 'table', used => 'work-sector' },
    'student-air' => { %AIR, policy => 'training', role => 'cpf-doctor' },
    'staff-air' => { %AIR, actor => 'staff', role => 'none' },
    'doctor-indirect' => { %INDIRECT },
    'nurse-indirect' => { %INDIRECT, role => 'nurse' },
    structure => { certificate => 'verified', token => 'absent',
        auth => 'indirect', actor => 'structure', id => 'structure',
        role => 'none', structure => 'own' },
    staff => { %CARD, actor => 'staff', role => 'none', structure => 'own' },
    feeder => { %CARD, actor => 'feeder', auth => 'indirect', role => 'none',
        structure => 'own' },
    patient => { %SIGNED_IN, actor => 'patient', own => 'patient' },
    representative => { %SIGNED_IN, actor => 'representative',
        own => 'representative' },
    operator => { certificate => 'absent', token => 'absent',
        actor => 'operator', auth => 'operator', role => 'none',
        used => 'none', regulator => 'unknown' },
);

my @ALL = sort keys %PERSONA;
my @PROFESSIONALS = grep { !exists $PERSONA{$_}{actor} } @ALL;
my @HOLDERS = qw(patient representative);

my @OPERATIONS = qw(check find search reference read deposit replace mask
    unmask hide show delete archive unarchive history rights create close
    reopen);
my @OF_DOCUMENTS = qw(search reference read replace mask unmask hide show
    delete archive unarchive);
my @MODES = qw(normal bris-de-glace centre-15);
my @NO_YES = qw(no yes);


sub base { return %BASE }


# The bases of those people, each with what is given on top.
sub people {
    my ($names, %more) = @_;
    return [map { { %{ $PERSONA{$_} }, %more } } @$names];
}


sub who {
    return (
        { name => 'who presents what', fast => 1,
          bases => [map { { %$_ } } { structure => 'own' },
              { structure => 'own', document => 'same' }],
          dims => [
            certificate => [qw(absent rejected verified beyond)],
            token => [qw(absent rejected verified beyond)],
            actor => [qw(none patient representative professional staff
                structure feeder operator beyond)],
            auth => [qw(none direct indirect indirect-reinforced operator
                session beyond)],
            id => [qw(named empty alias structure)],
            role => [qw(none doctor psychologist)],
            operation => [qw(check read deposit)],
          ] },
        { name => 'own record',
          bases => people([qw(doctor patient representative operator)]),
          dims => [
            policy => [qw(standard nokey)],
            own => [qw(none patient representative other)],
            representative => [qw(no named ended)],
            on => [qw(ins bad-ins other-ins document both nothing)],
            store => [qw(absent present other-patient)],
            open => \@NO_YES,
            operation => [qw(check search history rights create close reopen)],
            change => [qw(block)],
            target => [qw(somebody)],
          ] },
    );
}


sub what {
    return (
        { name => 'what is asked', fast => 1,
          bases => people([qw(doctor patient operator feeder)],
              change => 'withdraw'),
          dims => [
            policy => [qw(standard nokey)],
            mapping => [qw(none ambiguous operation-unknown format media
                too-large ins-invalid incomplete one beyond)],
            on => [qw(ins bad-ins short-ins other-ins document both nothing
                attachment ins-and-attachment)],
            operation => ['none', @OPERATIONS, 'metadata', 'beyond'],
            store => [qw(silent absent present)],
          ] },
        { name => 'what the store says', fast => 1,
          bases => people(\@ALL, document => 'same', change => 'withdraw'),
          dims => [
            on => [qw(ins other-ins document nothing attachment)],
            operation => \@OPERATIONS,
            store => [qw(silent absent present no-record no-version
                other-patient beyond)],
            open => \@NO_YES,
            mode => \@MODES,
          ] },
        { name => 'looked for by traits', fast => 1,
          bases => people([qw(doctor nurse-air structure patient student)],
              operation => 'find', on => 'nothing'),
          dims => [
            mode => \@MODES,
            traits => [sort keys %TRAITS],
            store => [qw(silent absent present no-record other-patient)],
            open => \@NO_YES,
            blocked => \@NO_YES,
            centre15 => \@NO_YES,
          ] },
        { name => 'which way', fast => 1,
          bases => people(\@ALL, document => 'same', change => 'authorise',
              target => 'self'),
          dims => [
            operation => \@OPERATIONS,
            channel => [qw(none any read feed beyond)],
            mode => ['none', @MODES, 'beyond'],
            offers => [qw(none normal bris usual centre-15 all)],
            regulator => [qw(unknown no yes beyond)],
          ] },
    );
}


# What the host can do: the rules that look at who asks, and no others.
sub metadata {
    my %metadata = (operation => 'metadata', on => 'nothing');

    return (
        { name => 'metadata: who', fast => 1,
          bases => [{ %metadata, structure => 'own' }],
          dims => [
            certificate => [qw(absent rejected verified beyond)],
            token => [qw(absent rejected verified beyond)],
            actor => [qw(none patient representative professional staff
                structure feeder operator beyond)],
            auth => [qw(none direct indirect indirect-reinforced operator
                session beyond)],
            id => [qw(named empty)],
            role => [qw(none doctor psychologist cpf-doctor)],
            used => [qw(none insurer work-doctor)],
            policy => [qw(standard table)],
          ] },
        { name => 'metadata: which way', fast => 1,
          bases => people(\@ALL, %metadata),
          dims => [
            channel => [qw(none any read feed beyond)],
            mode => ['none', @MODES, 'beyond'],
            offers => [qw(none normal bris usual centre-15 all)],
            regulator => [qw(unknown yes)],
          ] },
        { name => 'metadata: of no record', fast => 1,
          bases => people(\@ALL, %metadata),
          dims => [
            on => [qw(ins bad-ins document both nothing attachment)],
            store => [qw(silent absent present no-record no-version
                other-patient beyond)],
            open => \@NO_YES,
            blocked => \@NO_YES,
            mode => [qw(normal centre-15)],
            centre15 => \@NO_YES,
            document => [qw(none same)],
            effects => [qw(none mask)],
          ] },
    );
}


sub emergency {
    return (
        { name => 'emergency, block, authorisation, designation', fast => 1,
          bases => people(\@ALL, document => 'same', author => 'self',
              change => 'withdraw', target => 'self'),
          dims => [
            operation => \@OPERATIONS,
            mode => \@MODES,
            bris => \@NO_YES,
            centre15 => \@NO_YES,
            'emergency-masked' => \@NO_YES,
            blocked => \@NO_YES,
            treating => \@NO_YES,
            grant => [qw(none valid expired future)],
          ] },
        { name => 'emergency and a masked document',
          bases => people(\@PROFESSIONALS, labels => 'masked',
              document => 'same'),
          dims => [
            operation => \@OF_DOCUMENTS,
            mode => \@MODES,
            'emergency-masked' => \@NO_YES,
            treating => \@NO_YES,
            author => [qw(no self)],
            'doc-structure' => [qw(no own)],
            role => [qw(doctor optician physio)],
            bris => \@NO_YES,
          ] },
        { name => 'justification and traits', fast => 1,
          bases => people([qw(doctor treating nurse-air patient structure)],
              mode => 'bris-de-glace'),
          dims => [
            policy => [qw(standard numbers)],
            operation => [qw(check read)],
            justification => [sort keys %VISIBLE],
            traits => [sort keys %TRAITS],
            'record-traits' => [qw(full no-birth only-birth no-family no-given
                no-date none)],
          ] },
    );
}


sub documents {
    return (
        { name => 'labels, actors, modes', fast => 1,
          bases => people(\@ALL, document => 'same'),
          dims => [
            operation => [qw(search reference read mask unmask delete
                archive)],
            mode => \@MODES,
            labels => [sort keys %LABEL],
            lists => [qw(none masked masked-by-id unmasked unmasked-by-id
                both)],
            'by-default' => \@NO_YES,
            author => [qw(no self)],
          ] },
        { name => 'states of a document', fast => 1,
          bases => people(\@ALL, document => 'same'),
          dims => [
            operation => \@OF_DOCUMENTS,
            mode => \@MODES,
            author => [qw(no self)],
            'doc-structure' => [qw(no own)],
            'by-patient' => \@NO_YES,
            status => [qw(unknown current superseded deleted beyond)],
            archived => \@NO_YES,
          ] },
        { name => 'which states one may read', fast => 1,
          bases => people(\@ALL, document => 'same', policy => 'narrow'),
          dims => [
            operation => [qw(read search)],
            mode => \@MODES,
            status => [qw(unknown current superseded deleted beyond)],
            archived => \@NO_YES,
            labels => [sort keys %LABEL],
          ] },
        { name => 'hidden from the patient', fast => 1,
          bases => people([@HOLDERS, 'doctor'], document => 'same'),
          dims => [
            policy => [qw(standard numbers)],
            operation => [qw(search read reference archive mask)],
            labels => [sort keys %LABEL],
            deposited => [sort keys %DEPOSITED],
            'by-patient' => \@NO_YES,
            mode => [qw(normal bris-de-glace)],
          ] },
        { name => 'whose document', fast => 1,
          bases => people(\@ALL),
          dims => [
            document => [qw(none same unnamed other two vague)],
            on => [qw(ins document both other-ins)],
            operation => \@OPERATIONS,
            store => [qw(absent present other-patient)],
            author => [qw(no self)],
          ] },
        { name => 'whose document, by the index', fast => 1,
          bases => people(\@ALL, author => 'self'),
          dims => [
            document => [qw(same unnamed other two vague)],
            on => [qw(ins document nothing attachment ins-and-attachment)],
            operation => [@OF_DOCUMENTS, qw(check deposit history)],
            mode => \@MODES,
            store => [qw(present other-patient)],
            indexed => \@NO_YES,
          ] },
        { name => 'what leaves with content', fast => 1,
          bases => people(\@ALL, policy => 'narrow'),
          dims => [
            operation => [qw(search reference)],
            mode => \@MODES,
            document => [qw(none same unnamed)],
            grant => [qw(none valid expired)],
            author => [qw(no self)],
            status => [qw(unknown current superseded deleted)],
            archived => \@NO_YES,
            labels => [qw(none masked invisible-patient)],
          ] },
        { name => 'changes beside the one asked for', fast => 1,
          bases => people(\@ALL),
          dims => [
            document => [qw(none same)],
            operation => \@OPERATIONS,
            effects => [qw(none other mask unmask hide show delete supersede
                archive unarchive beyond unmask-and-delete)],
            author => [qw(no self)],
            'by-patient' => \@NO_YES,
          ] },
        { name => 'deposits', fast => 1,
          bases => people(\@ALL),
          dims => [
            operation => [qw(deposit replace)],
            mode => \@MODES,
            structure => [qw(none own)],
            document => [qw(none same unnamed other vague)],
            type => [qw(none consultation wishes unknown wrong-system-wishes
                wishes-and-unknown wishes-and-consultation)],
            'by-patient' => \@NO_YES,
            author => [qw(no self)],
            labels => [qw(none masked)],
          ] },
    );
}


sub types {
    return (
        { name => 'professions and types',
          bases => [{ %CARD, document => 'same' },
              { %AIR, document => 'same' }],
          dims => [
            operation => [qw(read)],
            mode => [qw(normal bris-de-glace)],
            policy => [qw(standard training)],
            role => [map { "p:$_" } professions()],
            type => [(map { "t:$_->[1]" } all_types()), 'unknown', 'none'],
          ] },
        { name => 'what a patient deposits', fast => 1,
          bases => people(\@HOLDERS, document => 'same',
              'by-patient' => 'yes'),
          dims => [
            operation => [qw(deposit)],
            type => [(map { "t:$_->[1]" } all_types()), 'unknown', 'none'],
          ] },
        { name => 'types in few words', fast => 1,
          bases => people(\@PROFESSIONALS, document => 'same'),
          dims => [
            operation => [qw(search reference read unmask delete)],
            mode => \@MODES,
            role => [grep { !/^p:/ } sort keys %ROLE],
            type => [grep { !/^t:/ } sort keys %TYPE],
            author => [qw(no self)],
          ] },
    );
}


sub rights {
    return (
        { name => 'changes of rights', fast => 1,
          bases => people(\@ALL, operation => 'rights', says => 'first'),
          dims => [
            change => [qw(none authorise withdraw block unblock designate
                dismiss oppose mask-default contact name-representative
                remove-representative beyond)],
            target => [qw(none self alias structure somebody own-ins)],
            consent => \@NO_YES,
            until => [qw(none past today tomorrow longest too-long)],
            structure => [qw(none own)],
            mode => \@MODES,
          ] },
        { name => 'what a change of rights says', fast => 1,
          bases => people(\@ALL, operation => 'rights'),
          dims => [
            change => [qw(authorise block oppose mask-default contact
                name-representative)],
            target => [qw(none somebody own-ins)],
            says => [qw(nothing first second third masking)],
            until => [qw(none past today tomorrow)],
            mode => [qw(normal centre-15)],
          ] },
        { name => 'rights for one who is blocked', fast => 1,
          bases => people(\@ALL, operation => 'rights'),
          dims => [
            change => [qw(authorise withdraw block unblock designate
                dismiss)],
            target => [qw(self alias structure somebody another
                also-another two-names)],
            id => [qw(named alias structure)],
            blocked => \@NO_YES,
            treating => \@NO_YES,
            store => [qw(absent present)],
          ] },
        { name => 'creation', fast => 1,
          bases => people(\@ALL, operation => 'create'),
          dims => [
            store => [qw(absent present)],
            consent => \@NO_YES,
            answered => \@NO_YES,
            mode => \@MODES,
            channel => [qw(any read feed)],
            structure => [qw(none own)],
          ] },
        { name => 'the longest authorisation',
          bases => [map { { %{ $PERSONA{$_} }, policy => 'numbers',
              operation => 'rights', change => 'authorise' } }
              qw(doctor patient)],
          dims => [
            target => [qw(self somebody)],
            until => [qw(none past today tomorrow longest too-long)],
          ] },
    );
}


sub practice {
    return (
        { name => 'situations of practice', fast => 1,
          bases => [map { { %$_ } } { %CARD }, { %AIR }, { %INDIRECT },
              persona_of('staff'), persona_of('structure')],
          dims => [
            policy => [qw(standard table training)],
            role => [qw(none doctor nurse psychologist cpf-doctor
                other-system no-system)],
            used => [grep { @{ $SITUATION{$_} } < 2 } sort keys %SITUATION],
            situations => [qw(none hospital insurer somewhere all-excluded
                mixed all-occupational part-occupational none-good)],
            structure => [qw(none own)],
            operation => [qw(check search read deposit)],
          ] },
        { name => 'an excluded person',
          bases => people(\@ALL, document => 'same', change => 'withdraw'),
          dims => [
            policy => [qw(standard table)],
            used => [qw(none insurer work-doctor)],
            operation => \@OPERATIONS,
            mode => \@MODES,
          ] },
        { name => 'one person, two identifiers', fast => 1,
          bases => [map { { %$_, document => 'same' } } { %CARD }, { %AIR },
              { %INDIRECT }],
          dims => [
            id => [qw(named alias structure)],
            operation => [qw(check search reference read delete unmask
                rights)],
            change => [qw(authorise)],
            target => [qw(none self alias structure somebody)],
            blocked => \@NO_YES,
            treating => \@NO_YES,
            grant => [qw(none valid expired future renewed structure)],
            author => [qw(no self alias)],
          ] },
    );
}


sub persona_of { my ($name) = @_; return $PERSONA{$name} }

my @professions;


sub professions { return map { "$_->[0]|$_->[1]" } @professions }


# The professions that the policy knows, and the types: names for each.
sub prepare {
    my (@known) = @_;

    @professions = @known;

    add_role("p:$_->[0]|$_->[1]", @$_) for @professions;
    add_type("t:$_->[1]", $_) for all_types();

    return;
}


# What the store may know of a professional.
sub relations {
    return { name => 'what check answers',
        bases => people([qw(doctor nurse-air nurse student occupational
            doctor-indirect staff structure)], operation => 'check'),
        dims => [
          id => [qw(named alias structure)],
          blocked => \@NO_YES,
          treating => \@NO_YES,
          grant => [qw(none valid expired future renewed structure)],
        ] };
}


# What the normal mode denies, and bris de glace might open.
sub openings {
    return (
        { name => 'who may open',
          bases => people(\@ALL, grant => 'none', change => 'withdraw',
              target => 'somebody'),
          dims => [
            operation => \@OPERATIONS,
            mode => \@MODES,
            offers => [qw(normal usual)],
            document => [qw(none same)],
          ] },
        { name => 'of what record',
          bases => people([qw(doctor nurse treating structure patient)],
              operation => 'read', document => 'same'),
          dims => [
            store => [qw(silent absent present no-record no-version
                other-patient beyond)],
            on => [qw(ins document)],
            grant => [qw(none valid)],
            blocked => \@NO_YES,
            bris => \@NO_YES,
            open => \@NO_YES,
          ] },
        { name => 'with which words',
          bases => people([qw(doctor nurse-air)], grant => 'expired'),
          dims => [
            policy => [qw(standard numbers)],
            'record-traits' => [qw(full no-birth only-birth no-family no-given
                no-date none)],
            traits => [qw(none match family-wrong)],
            justification => [qw(none ten)],
            operation => [qw(search find read)],
          ] },
        { name => 'of what document',
          bases => people([qw(doctor nurse physio)], operation => 'read',
              document => 'same'),
          dims => [
            grant => [qw(none valid)],
            labels => [qw(none masked)],
            'emergency-masked' => \@NO_YES,
            type => [qw(consultation residence)],
            author => [qw(no self)],
          ] },
    );
}


sub products {
    return (who(), what(), metadata(), emergency(), documents(), types(),
        rights(), practice());
}


# Calls $visit with each case of a product, in the order of the driver; the
# hash is the same one every time.
sub each_case {
    my ($bases, $dims, $visit) = @_;

    my @names = map { $dims->[2 * $_] } 0 .. @$dims / 2 - 1;
    my @values = map { $dims->[2 * $_ + 1] } 0 .. @$dims / 2 - 1;

    for my $base (@$bases) {
        my %case = (%BASE, %$base);
        my @at = (0) x @names;

        @case{@names} = map { $_->[0] } @values;

        CASE: while (1) {
            $visit->(\%case);

            for my $i (reverse 0 .. $#names) {
                $at[$i] = 0 if ++$at[$i] == @{ $values[$i] };
                $case{ $names[$i] } = $values[$i][$at[$i]];
                next CASE if $at[$i];
            }

            last;
        }
    }

    return;
}


# Random cases: somebody, and some things that are not as in the base.

my %ANY = (
    policy => [sort keys %SETTINGS],
    certificate => [qw(absent rejected verified)],
    token => [qw(absent rejected verified)],
    auth => [qw(direct indirect indirect-reinforced session)],
    id => [qw(named alias empty structure)],
    own => [qw(none patient representative other)],
    role => [sort keys %ROLE],
    used => [grep { @{ $SITUATION{$_} } < 2 } sort keys %SITUATION],
    situations => [sort keys %SITUATION],
    structure => [qw(none own)],
    regulator => [qw(unknown no yes)],
    on => [qw(ins ins bad-ins other-ins document both nothing attachment)],
    change => [qw(none authorise withdraw block unblock designate dismiss
        oppose mask-default contact name-representative
        remove-representative)],
    target => [qw(none self alias structure somebody own-ins another
        also-another two-names)],
    says => [qw(nothing first second third masking)],
    consent => \@NO_YES,
    answered => \@NO_YES,
    until => [qw(none past today tomorrow longest too-long)],
    offers => [qw(normal bris usual centre-15 all)],
    channel => [qw(any read feed)],
    justification => [sort keys %VISIBLE],
    traits => [sort keys %TRAITS],
    effects => [qw(none other mask unmask show delete)],
    store => [qw(silent absent present other-patient)],
    open => \@NO_YES,
    blocked => \@NO_YES,
    treating => \@NO_YES,
    grant => [qw(none valid expired future renewed structure)],
    bris => \@NO_YES,
    centre15 => \@NO_YES,
    'emergency-masked' => \@NO_YES,
    representative => [qw(no named ended)],
    'record-traits' => [qw(full no-birth only-birth no-family none)],
    lists => [qw(none masked masked-by-id unmasked unmasked-by-id both)],
    'by-default' => \@NO_YES,
    type => [sort keys %TYPE],
    labels => [sort keys %LABEL],
    author => [qw(no self alias)],
    'doc-structure' => [qw(no own)],
    'by-patient' => \@NO_YES,
    status => [qw(unknown current superseded deleted)],
    archived => \@NO_YES,
    deposited => [sort keys %DEPOSITED],
    indexed => \@NO_YES,
);

my @ANY = sort keys %ANY;


sub pick { my ($list) = @_; return $list->[rand @$list] }


sub random_case {
    my %case = (%BASE, %{ $PERSONA{ pick(\@ALL) } },
        operation => pick([@OPERATIONS, 'metadata']), mode => pick(\@MODES),
        document => pick([qw(none same same same same other unnamed)]));

    $case{store} = 'absent' if $case{operation} eq 'create' && rand() < 0.8;
    @case{qw(on document)} = qw(nothing none)
        if $case{operation} eq 'metadata';

    for (1 .. rand 6) {
        my $dim = pick(\@ANY);
        $case{$dim} = pick($ANY{$dim});
    }

    return \%case;
}

my %MORE_MASKED = (none => 'masked', 'invisible-patient' =>
    'masked-and-invisible', 'invisible-representatives' => 'all');


# What is added to a case, and may take away but never give.
sub restrictions {
    my ($case) = @_;

    my @more = (
        { blocked => 'yes' },
        { bris => 'no' }, { centre15 => 'no' }, { 'emergency-masked' => 'no' },
        { 'by-default' => 'yes' },
        { used => 'insurer' }, { used => 'security' },
    );

    push @more, { lists => 'masked' } if $case->{lists} eq 'none';
    push @more, { lists => 'both' } if $case->{lists} eq 'unmasked';
    push @more, { labels => $MORE_MASKED{ $case->{labels} } }
        if $MORE_MASKED{ $case->{labels} };

    return @more;
}


# [dimension, unknown value, known values...]
my @UNKNOWN = (
    [role => 'none', grep { !/^(?:none|no-system)$/ } sort keys %ROLE],
    [role => 'other-system', grep { !/^(?:none|no-system)$/ }
        sort keys %ROLE],
    [labels => 'unknown', grep { !/unknown|beyond/ } sort keys %LABEL],
    [labels => 'beyond', grep { !/unknown|beyond/ } sort keys %LABEL],
    [type => 'unknown', qw(consultation psychiatry wishes residence)],
    [type => 'none', qw(consultation psychiatry wishes residence)],
    [status => 'unknown', qw(current superseded deleted)],
    [deposited => 'unknown', grep { $_ ne 'unknown' } sort keys %DEPOSITED],
    [store => 'silent', qw(present absent)],
    [store => 'no-record', qw(present absent)],
    [regulator => 'unknown', qw(yes no)],
    [certificate => 'beyond', qw(absent rejected verified)],
);


# [case, kind]...: "case" is any case, "more" the same with a restriction,
# "unknown DIM" with something unknown, "known" with what could be known.
sub random_cases {
    my ($seed, $n) = @_;

    my @all;

    srand $seed;

    for my $i (1 .. $n) {
        my $case = random_case();
        my ($dim, $unknown, @known) = @{ $UNKNOWN[$i % @UNKNOWN] };

        push @all, [$case, 'case'],
            (map { [{ %$case, %$_ }, 'more'] } restrictions($case)),
            [{ %$case, $dim => $unknown }, "unknown $dim"],
            (map { [{ %$case, $dim => $_ }, 'known'] } @known);
    }

    return @all;
}

1;
