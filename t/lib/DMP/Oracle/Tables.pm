package DMP::Oracle::Tables;

# The functional tables as a person reads them off the page, for the oracle:
# GIE SESAM-Vitale PDT-INF-526 v1.8 (direct, and ES for indirect), PDT-INF-606
# v1.3 (AIR), and the table of this product for those the official ones do not
# know.  It shares nothing with the policy files but the names.
#
# In a cell: "o" yes, "-" no, another sign a note, which notes() spells out.

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT_OK = qw(cell rights tables);

my %COLUMNS = (
    direct => [qw(PS_normal PS_regulation PS_bris MED_normal MED_regulation
        MED_bris MEDTRAVAIL MT_normal MT_bris CPE_normal ES_normal
        ES_regulation)],
    reinforced => [qw(PS_normal PS_regulation PS_bris MED_normal
        MED_regulation MED_bris MT_normal MT_bris PE_normal)],
);

# The same number means different things: (3) is a date in one, the same
# structure in the other.
my %NOTES = (
    direct => {
        1 => 'for-structure',
        2 => 'same-structure',
        3 => 'new-authorisations-only',
        4 => 'imputed-to-structure',
        5 => 'reference-to-own',
        6 => 'own-documents',
        7 => 'masked-if-allowed',
        8 => 'own-documents',
        9 => 'structure-documents',
    },
    reinforced => {
        1 => 'for-structure',
        3 => 'same-structure',
        5 => 'reference-to-own',
        6 => 'own-documents',
        7 => 'masked-if-allowed',
        8 => 'own-documents',
        9 => 'structure-documents',
    },
    own => {
        c => 'consent-declared',
        t => 'own-traces',
        d => 'own-deposits',
        i => 'imputed-to-structure',
        r => 'reference-to-own',
        s => 'structure-documents',
    },
);

# Health professional, doctor: normal, regulation, bris de glace; occupational
# doctor; treating physician: normal, bris de glace; CPE; ES: normal,
# regulation.
my $DIRECT = <<'END';
authenticate          ooo ooo o oo o oo
check                 ooo ooo o oo o oo
authorise-self        o-- o-- - o- 1 --
withdraw-self         o-- o-- - o- - --
leave-treating        --- --- - o- - --
list-records          ooo ooo o oo 2 3-
find                  -o- -o- - -- - -o
web                   ooo ooo o oo o --
administrative-data   ooo ooo o oo o oo
list-professionals    o-- o-- o o- - --
deposit               ooo ooo o oo - 44
deposit-staff         --- --- - -- 4 --
search                ooo ooo o oo - --
reference             ooo ooo o oo 5 55
read                  ooo ooo - oo - --
read-masked           677 677 - o7 - --
read-invisible        ooo ooo - oo - --
read-archived         ooo ooo - oo - --
read-superseded       ooo ooo - oo - --
read-deleted          ooo ooo - oo - --
mask                  o-- o-- o o- - --
unmask                8-- 8-- 8 o- - --
show                  o-- o-- o o- - --
archive               8-- 8oo 8 oo - --
unarchive             8-- 8oo 8 oo - --
delete                888 888 8 88 9 99
END

# Health professional, doctor, treating physician, PE.
my $REINFORCED = <<'END';
authenticate          ooo ooo oo o
check                 ooo ooo oo o
authorise-self        o-- o-- o- 1
withdraw-self         o-- o-- o- -
list-records          ooo ooo oo 3
find                  -o- -o- -- -
web                   ooo ooo oo o
administrative-data   ooo ooo oo o
list-professionals    o-- o-- o- -
deposit               --- --- -- -
deposit-staff         --- --- -- -
search                ooo ooo oo -
reference             ooo ooo oo 5
read                  ooo ooo oo -
read-masked           677 677 o7 -
read-invisible        ooo ooo oo -
read-archived         ooo ooo oo -
read-superseded       ooo ooo oo -
read-deleted          ooo ooo oo -
mask                  o-- o-- o- -
unmask                8-- 8-- o- -
show                  o-- o-- o- -
archive               8-- ooo oo -
unarchive             8-- ooo oo -
delete                888 888 88 9
END

my (%cell, %row);


sub fill {
    my ($table, $text) = @_;

    for my $line (split /\n/, $text) {
        my ($right, @groups) = split ' ', $line;
        my @marks = split //, join '', @groups;
        my @columns = @{ $COLUMNS{$table} };

        die "$table $right" unless @marks == @columns;

        $row{$table}{$right} = 1;
        $cell{$table}{$_}{$right} = meaning($table, shift @marks)
            for @columns;
    }

    return;
}


sub meaning {
    my ($table, $mark) = @_;

    return 'oui' if $mark eq 'o';
    return 'non' if $mark eq '-';
    return 'oui(' . ($NOTES{$table}{$mark} // die "$table: $mark") . ')';
}


# What our own table says, column by column: what is not named is "non".
sub own {
    my ($columns, $mark, @rights) = @_;

    for my $column (split ' ', $columns) {
        for my $right (@rights) {
            die "twice: $column $right" if $cell{own}{$column}{$right};
            $cell{own}{$column}{$right} = meaning('own', $mark);
            $row{own}{$right} = 1;
        }
    }

    return;
}

fill('direct', $DIRECT);
fill('reinforced', $REINFORCED);

# "Change of rights" of the rules, and what follows from the others.  Where it
# says "the patient", a representative acts likewise.
own('PATIENT REPRESENTATIVE', 'o', qw(authenticate check list-records web
    administrative-data list-professionals));
own('PATIENT REPRESENTATIVE', 'o', qw(search reference read read-masked
    read-invisible read-archived read-superseded read-deleted));
own('PATIENT REPRESENTATIVE', 'o', qw(deposit mask unmask history));
own('PATIENT REPRESENTATIVE', 'd', qw(archive unarchive delete));
own('PATIENT REPRESENTATIVE', 'o', qw(authorise withdraw block unblock
    designate dismiss oppose mask-default contact close reopen));
own('REPRESENTATIVE', 'o', qw(leave-representative));

# Assurance Maladie feeds, and sees what it fed.
own('FEEDER', 'o', qw(authenticate check));
own('FEEDER', 'i', qw(deposit));
own('FEEDER', 'r', qw(reference));
own('FEEDER', 's', qw(delete));

own('OPERATOR', 'o', qw(authenticate check history name-representative
    remove-representative close reopen));
# What a patient asks the operations team in writing.
own('OPERATOR', 'o', qw(authorise withdraw block unblock designate dismiss
    oppose mask-default contact mask unmask));
own('OPERATOR', 'c', qw(create));

# All see their own traces; who is treating, all of them.
own('PS_normal MED_normal MEDTRAVAIL', 't', qw(history));
# The physician may leave: the table of AIR has no row for it.
own('MT_normal', 'o', qw(history block unblock leave-treating));
own('PS_normal MED_normal MT_normal CPE_normal', 'c', qw(create));


sub tables { return qw(direct reinforced own) }


# All that any of the tables speaks of.
sub rights {
    my %all = map { $_ => 1 } map { keys %$_ } values %row;
    return sort keys %all;
}


# "non", "oui" or "oui(CONDITION)"; ours where the official table has no row.
sub cell {
    my ($table, $column, $right) = @_;

    return $cell{$table}{$column}{$right} // 'non' if $row{$table}{$right};
    return $cell{own}{$column}{$right} // 'non';
}

1;
