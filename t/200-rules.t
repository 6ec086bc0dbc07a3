#!/usr/bin/perl

# The rules against an oracle: a second reading of the rules and the official
# tables, written apart from the core (t/lib/DMP/Oracle*), is compared with
# dmp_decide() over more than a million cases; then properties over random
# ones, and what a structure of zeros comes to.
#
# ORACLE is the driver (t/oracle), ORACLE_SEED the seed of the random cases.

use strict;
use warnings;

use File::Temp qw(tempdir);
use JSON::PP ();
use Test::More;

use DMP::Oracle qw(verdict answer opens);
use DMP::Oracle::Cases qw(products relations openings prepare each_case
    random_cases);
use DMP::Oracle::Run qw(write_policies ask names encode decode script_of
    expected_of base_script case_script zero_script words read_json);
use DMP::Oracle::Tables qw(cell rights tables);
use DMP::Oracle::Types ();
use DMP::Oracle::Values qw(definitions label_bits);

my $driver = $ENV{ORACLE} || './build/oracle';
my $policy = 'conf/policy';
my $seed = $ENV{ORACLE_SEED} || 20260228;
my $random = 8_000;
my $show = 20;

BAIL_OUT("no $driver: build it first") unless -x $driver;

my $dir = tempdir(CLEANUP => 1);
my $professions = read_json("$policy/professions.json")->{professions};

write_policies($policy, $dir);
DMP::Oracle::Types::load("$policy/types.json");
prepare(map { [$_->{system}, $_->{code}] } @$professions);

my $names = names(ask($driver, $dir, "names\n"));
my $define = definitions();
my (%decided, %reached, $total);


# Keeps count of what decided, and by the way what was decided.
sub count_bytes {
    my ($bytes) = @_;

    my %seen;

    $seen{$_}++ for unpack '(a6)*', $bytes;

    for my $key (keys %seen) {
        my ($effect, $rule, $reason) = decode($key);

        $decided{$rule}{$effect} += $seen{$key};
        $reached{$reason} += $seen{$key};
        $total += $seen{$key};
    }

    return;
}


# Where the core and the oracle part, in words: one case of each kind.
my (%differ, @differ);


sub differs {
    my ($case, $want, $got) = @_;

    return if $differ{"$want $got"}++;

    push @differ, "$want $got";
    $differ{"words $want $got"} = join "\n", words($case),
        '    the core:  ' . join(' ', decode($got)),
        '    the rules: ' . join(' ', decode($want));
    return;
}


sub show_differences {
    for my $kind (splice @differ, 0, $show) {
        diag($differ{"words $kind"}, "\n    and such cases: $differ{$kind}");
    }

    diag('and ', scalar @differ, ' other kinds') if @differ;
    %differ = @differ = ();
    return;
}


sub compare {
    my ($product, $want, $got) = @_;

    my $at = 0;

    each_case($product->{bases}, $product->{dims}, sub {
        my ($w, $g) = (substr($want, $at, 6), substr($got, $at, 6));

        $at += 6;
        differs($_[0], $w, $g) if $w ne $g;
    });

    return show_differences();
}


# Each cell of the official tables and of ours.

subtest 'cells' => sub {
    my %core;

    for (split /\n/, ask($driver, $dir, "cells\n")) {
        my ($table, $column, $right, $says) = split ' ';
        $core{"$table $column $right"} = $says;
    }

    my @rights = grep { $_ ne '' } @{ $names->{right} };
    my @columns = grep { $_ ne '' } @{ $names->{column} };
    my %known = map { $_ => 1 } @rights;
    my @unknown = grep { !$known{$_} } rights();
    my @tables = tables();
    my @wrong;

    is("@unknown", '', 'the core knows every right');
    is(scalar keys %core, @tables * @rights * @columns, 'all cells are told');

    for my $table (@tables) {
        for my $column (@columns) {
            for my $right (@rights) {
                my $says = $core{"$table $column $right"} // 'nothing';
                my $want = cell($table, $column, $right);

                push @wrong, "$table $column $right: $says, not $want"
                    if $says ne $want;
            }
        }
    }

    is(scalar @wrong, 0, 'each cell says what the table says')
        or diag(join "\n", @wrong);
};


# Each label under each of its names, and what is no label of ours.

subtest 'labels' => sub {
    my %want = label_bits();
    my @codes = sort keys %want;
    my %core = map { /^(.*) (\S+)$/ ? ($1 => $2) : () }
        split /\n/, ask($driver, $dir, join '', map { "label $_\n" } @codes);

    my @wrong = map { "$_: " . ($core{$_} // 'nothing') . ", not $want{$_}" }
        grep { ($core{$_} // -1) != $want{$_} } @codes;

    is(scalar @wrong, 0, @codes . ' labels hide from whom they say')
        or diag(join "\n", @wrong);
};


# What check answers: authorised or not, treating or not.

subtest 'what check answers' => sub {
    my $product = relations();
    my ($lines, @want) = ($define . base_script());

    each_case($product->{bases}, $product->{dims}, sub {
        my ($grant, $treating) = answer($_[0]);

        $lines .= case_script($_[0], 'answer');
        push @want, "$grant " . ($treating ? 'treating' : 'not');
    });

    is(ask($driver, $dir, $lines), join('', map { "$_\n" } @want),
        @want . ' cases');
};


# What a refusal may say: that bris de glace would open it.

subtest 'what bris de glace opens' => sub {
    my ($lines, @want, @cases) = ($define . base_script());

    for my $product (openings()) {
        each_case($product->{bases}, $product->{dims}, sub {
            $lines .= case_script($_[0], 'opens');
            push @want, opens($_[0]) ? 'opens' : 'stays';
            push @cases, words($_[0]);
        });
    }

    my @got = split /\n/, ask($driver, $dir, $lines);
    my @wrong = map { "$cases[$_]: " . ($got[$_] // 'nothing')
        . ", not $want[$_]" }
        grep { ($got[$_] // '') ne $want[$_] } 0 .. $#want;

    is(scalar @got, scalar @want, 'one answer for each case');
    is(scalar @wrong, 0, @want . ' cases')
        or diag(join "\n", splice @wrong, 0, $show);
    cmp_ok(scalar(grep { $_ eq 'opens' } @want), '>', 100, 'some open');
};


# All the products, byte for byte.

my ($script, @want) = ($define);

for my $product (products()) {
    push @want, expected_of($product);
    $script .= script_of($product);
}

my $answer = ask($driver, $dir, $script);
my $at = 0;

for my $product (products()) {
    my $want = shift @want;
    my $got = substr $answer, $at, length $want;

    $at += length $want;
    count_bytes($got);

    ok($got eq $want, "$product->{name}: " . length($want) / 6 . ' cases')
        or compare($product, $want, $got);
}

is(length $answer, $at, 'one answer for each case');
cmp_ok($total, '>=', 1_000_000, "a million cases and more: $total");


# What each rule decided, for docs/rules.md; a name for every reason.

my @not_here = ('answer-unchecked', 'credentials-rejected', 'code-rejected',
    'password-change-required', 'too-many-attempts', 'password-refused',
    'contact-missing', '');

subtest 'every rule and every reason is reached' => sub {
    my %excused = map { $_ => 1 } 'none', @not_here;
    my @idle = grep { !$excused{$_} && !$decided{$_}{deny}
        && !$decided{$_}{error} } @{ $names->{rule} };
    my @silent = grep { !$excused{$_} && !$reached{$_} }
        @{ $names->{reason} };

    is("@idle", '', 'each rule denies something');
    is("@silent", '', 'each reason is given');
    cmp_ok($reached{none}, '>', 10_000, 'and much is allowed');
};

open my $out, '>', 'build/rules-decided.json' or die "build: $!\n";
print {$out} JSON::PP->new->canonical->indent->encode(\%decided);
close $out or die "build: $!\n";


# Random cases: the same as the oracle, and what must hold whoever is right.

subtest "random cases, ORACLE_SEED=$seed" => sub {
    my @all = random_cases($seed, $random);
    my @cases = map { $_->[0] } @all;
    my @kind = map { $_->[1] } @all;
    my $lines = $define . base_script() . join '', map { case_script($_) }
        @cases;

    my @got = unpack '(a6)*', ask($driver, $dir, $lines);
    my ($allowed, $of, $unknown, $differ) = (0, 0, undef, 0);
    my (@widened, @guessed);

    is(scalar @got, scalar @cases, 'one answer for each case');

    my $settle = sub {
        push @guessed, words($cases[$unknown]) . " ($kind[$unknown])"
            if defined $unknown;
        undef $unknown;
    };

    for my $i (0 .. $#cases) {
        my $allows = (decode($got[$i]))[0] eq 'allow';
        my $want = encode(verdict($cases[$i]));

        if ($got[$i] ne $want) {
            differs($cases[$i], $want, $got[$i]);
            $differ++;
        }

        if ($kind[$i] eq 'case') {
            $settle->();
            $of = $i;
            $allowed += $allows;

        } elsif ($kind[$i] eq 'more') {
            push @widened, words($cases[$of]) . ' -> ' . words($cases[$i])
                if $allows && (decode($got[$of]))[0] ne 'allow';

        } elsif ($kind[$i] =~ /^unknown/) {
            $unknown = $allows ? $i : undef;

        } elsif ($allows) {
            undef $unknown;
        }
    }

    $settle->();

    is($differ, 0, scalar @cases . ' cases as the rules say')
        or show_differences();
    cmp_ok($allowed, '>', $random / 20, "$allowed of $random are allowed");
    is(scalar @widened, 0,
        'a block, a mask, an opposition, an exclusion never allows')
        or diag(join "\n", splice @widened, 0, $show);
    is(scalar @guessed, 0,
        'what is unknown never allows what all that is known denies')
        or diag(join "\n", splice @guessed, 0, $show);
};


# Zeros.

subtest 'zeros deny' => sub {
    my @zero = qw(subject request facts record policy all document);
    my ($whole, @got) = unpack '(a6)*',
        ask($driver, $dir, $define . zero_script(@zero));

    is((decode($whole))[0], 'allow', 'the case itself is allowed');

    for my $i (0 .. $#zero) {
        my ($effect, $rule, $reason) = decode($got[$i]);

        isnt($effect, 'allow', "zero $zero[$i]: $rule $reason");
    }
};

done_testing();
