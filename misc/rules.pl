#!/usr/bin/env perl
#
# Writes docs/rules.md: each rule with its source, its code, its tests and how
# often it decided in the test run, then the rights tables, cell by cell.
# With --check it writes nothing, and fails if the page is not up to date.
#
# A rule without a source, without code, without a test, or that never decided
# is an error: nobody could say by which rule, or trust that it holds.

use strict;
use warnings;
use utf8;

use JSON::PP;

my $PAGE = 'docs/rules.md';
my @TABLES = map { "conf/policy/$_.json" }
             qw(rights-526 rights-606 rights-own rights-own-professionals);

my @errors;


sub slurp {
    my ($path) = @_;

    open my $in, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    local $/;

    return <$in>;
}


sub json {
    my ($path) = @_;

    return JSON::PP->new->decode(slurp($path));
}


# The order in which the core asks them, from its own tables.
sub order {
    my $text = slurp('policy/dmp_decide.c');

    return $text =~ /\{ DMP_RULE_(\w+), dmp_rule_\w+ \},/g;
}


# Where the function of a rule is.
sub code {
    my %code;

    for my $file (glob 'policy/*.c') {
        my $text = slurp($file);

        while ($text =~ /^dmp_rule_([a-z]\d)\(/mg) {
            $code{uc $1} = $file;
        }
    }

    return \%code;
}


# The cases that are about each rule, by file.
sub cases {
    my %cases;

    for my $file (glob 't/policy/*.json') {
        for my $case (@{ json($file)->{cases} }) {
            my $rule = $case->{rule} // $case->{decision}{rule};

            $cases{$rule}{$file}++;
        }
    }

    return \%cases;
}


# Tests of each rule: the oracle's, its cases, and those through nginx, which
# name it with its reason (as "H3 masked", or "rule = H3").
sub tests {
    my ($rules) = @_;
    my (%tests, $cases);

    $cases = cases();

    for my $id (keys %$rules) {
        my $reasons = join '|', @{ $rules->{$id}{reasons} };

        $tests{$id} = ["[`t/200-rules.t`](../t/200-rules.t)"];

        for my $file (sort keys %{ $cases->{$id} }) {
            push @{ $tests{$id} },
                 sprintf '%s (%d case%s)', link_to($file),
                         $cases->{$id}{$file},
                         $cases->{$id}{$file} == 1 ? '' : 's';
        }

        for my $file (grep { !m{/200-} } glob 't/*.t') {
            push @{ $tests{$id} }, link_to($file)
                if slurp($file) =~ /\b$id (?:$reasons)\b|\brule = $id\b/;
        }
    }

    return \%tests;
}


# How often each rule decided: in the oracle's run, and in the cases.
sub counts {
    my %counts;

    for my $file (qw(build/rules-decided.json build/cases-decided.json)) {
        die "$file is not there: run \"make rules\"\n" unless -e $file;

        my $from = json($file);

        for my $rule (keys %$from) {
            my $n = $from->{$rule};

            $counts{$rule}{deny} += ($n->{deny} // 0) + ($n->{error} // 0);
            $counts{$rule}{allow} += $n->{allow} // 0;
        }
    }

    return \%counts;
}


sub number {
    my ($n) = @_;

    $n //= 0;
    1 while $n =~ s/^(\d+)(\d{3})/$1,$2/;

    return $n;
}


sub link_to {
    my ($path) = @_;

    return "[`$path`](../$path)";
}


sub rule_line {
    my ($n, $rule) = @_;

    return sprintf "| %d | [%s](#%s) | %s | %s | %s |\n", $n, $rule->{id},
                   lc $rule->{id}, $rule->{holds},
                   join(', ', map { "`$_`" } @{ $rule->{reasons} }),
                   $rule->{status};
}


sub rule_section {
    my ($rule, $file, $tests, $count) = @_;
    my $text = "### $rule->{id}\n\n" . ucfirst($rule->{holds}) . ".\n\n";

    $text .= "- Source: $_.\n" for @{ $rule->{sources} };
    $text .= sprintf "- Code: `dmp_rule_%s()` in %s.\n", lc $rule->{id},
                     link_to($file);
    $text .= "- Tests: " . join(', ', @$tests) . ".\n";
    $text .= sprintf "- Refused %s times in the test run%s.\n\n",
                     number($count->{deny}),
                     $count->{allow} ? ', granted '
                                       . number($count->{allow}) : '';

    return $text;
}


sub table_section {
    my ($path) = @_;
    my $table = json($path);
    my @notes = sort keys %{ $table->{notes} };
    my $text = "### $table->{name}\n\n$table->{source}. In "
               . link_to($path) . ".\n\n";

    $text .= '| right | row | ' . join(' | ', @{ $table->{columns} })
             . " |\n|" . ' --- |' x (2 + @{ $table->{columns} }) . "\n";

    for my $row (@{ $table->{rows} }) {
        $text .= "| `$row->{right}` | $row->{row} | "
                 . join(' | ', @{ $row->{cells} }) . " |\n";
    }

    if (@notes) {
        $text .= "\nNotes: " . join(', ',
                     map { "($_) `$table->{notes}{$_}`" } @notes) . ".\n";
    }

    return "$text\n";
}


sub check_rule {
    my ($id, $rule, $file, $tests, $count) = @_;

    if (!$rule) {
        push @errors, "rule $id is in the code and not in docs/rules.json";
        return 0;
    }

    push @errors, "rule $id has no source" unless @{ $rule->{sources} || [] };
    push @errors, "rule $id has no code" unless $file;
    push @errors, "rule $id has no case in t/policy/"
        unless grep { m{t/policy/} } @{ $tests || [] };
    push @errors, "rule $id never refused in the test run"
        unless $count->{deny};

    return $file && $tests;
}


sub page {
    my $meta = json('docs/rules.json');
    my %rules = map { $_->{id} => $_ } @{ $meta->{rules} };
    my @order = order();
    my ($code, $tests, $counts) = (code(), tests(\%rules), counts());
    my ($lines, $sections) = ('', '');
    my $n = 0;

    for my $id (@order) {
        my $rule = delete $rules{$id};

        if (check_rule($id, $rule, $code->{$id}, $tests->{$id},
                       $counts->{$id}))
        {
            $lines .= rule_line(++$n, $rule);
            $sections .= rule_section($rule, $code->{$id}, $tests->{$id},
                                      $counts->{$id});
        }
    }

    push @errors, map { "rule $_ is in docs/rules.json and not in the code" }
                  sort keys %rules;

    return intro($lines) . $sections . tables_intro()
           . join('', map { table_section($_) } @TABLES);
}


sub intro {
    my ($lines) = @_;

    return <<"EOF";
# Rules

This page is made by `make rules` from the code, the policy and the test run; do not edit it. What each rule means comes from `docs/rules.json`; the data that the rules look at is in [policy.md](policy.md).

The first rule that denies wins; what none grants is denied. The zero value of every enumeration denies. *Absent*, *unknown*, *failed* and *negative* are different values, and only a positive one can allow. `check` is answered, not refused, by C1, C2, F1 and G1.

They are asked in this order: by letter and number, but P1, D1 and D2 come before C1, G5 and G7 before G1, and X1 as soon as the store has spoken. Whoever may not know is refused before a reason could tell that a record exists, or what its patient chose; what is denied is the same. H1 to H7 and P2 run with each document of an answer, and with the one that a change or a deposit is about.

| | rule | holds when | reason | status |
| --- | --- | --- | --- | --- |
$lines
A request that names only a document is answered 404 whatever refuses it from C to H. The trace always has the true rule and reason.

## Rule by rule

EOF
}


sub tables_intro {
    return <<"EOF";
## The tables

Rule E1 looks at the cell of the right asked for, in the column that speaks for who asks: PS a health professional who is no doctor, MED a doctor, MT a treating physician, MEDTRAVAIL an occupational doctor, CPE staff, ES a structure, PE who is no health professional; in the normal mode, in centre 15 (regulation) and in bris de glace (bris). A column that does not exist denies. What a note demands is in [policy.md](policy.md).

EOF
}


binmode STDERR, ':encoding(UTF-8)';

my $page = page();
$page =~ s/\n+\z/\n/;

if (@errors) {
    print STDERR "rules: $_\n" for @errors;
    exit 1;
}

if (@ARGV && $ARGV[0] eq '--check') {
    exit 0 if -e $PAGE && slurp($PAGE) eq $page;

    print STDERR "rules: $PAGE is not what \"make rules\" writes now\n";
    exit 1;
}

open my $out, '>:encoding(UTF-8)', $PAGE or die "$PAGE: $!\n";
print $out $page;
close $out or die "$PAGE: $!\n";
