#!/usr/bin/env perl
#
# Checks docs/security.md: each danger of its checklist has tests, they are
# there, and their titles name it ("=== TEST 7: A2, D4: ..."); or the page says
# why there is none ("Does not apply: ...", "By construction: ...").

use strict;
use warnings;
use utf8;

my $PAGE = 'docs/security.md';
my %LAST = (A => 10, B => 11, C => 10, D => 12, E => 7, F => 19);

my (@errors, %titles, %rows);
my $tests = 0;

binmode STDERR, ':encoding(UTF-8)';


sub lines {
    my ($path) = @_;

    open my $in, '<:encoding(UTF-8)', $path or die "$path: $!\n";

    return <$in>;
}


# Number of each test of that file, and the ids in its title.
sub titles {
    my ($file) = @_;

    return $titles{$file} if $titles{$file};

    my %ids;

    for my $line (-e $file ? lines($file) : ()) {
        my ($n, $title) = $line =~ /^=== TEST (\d+): (.*)/ or next;
        my ($list) = $title =~ /^((?:[A-Z]\d+, )*[A-Z]\d+): /;

        push @errors, "$file: there are two of TEST $n" if $ids{$n};
        $ids{$n} = { map { $_ => 1 } split /, /, $list // '' };
    }

    return $titles{$file} = \%ids;
}


# "t/070-phases.t: TEST 1, 2; t/080-conf.t: TEST 98"
sub check_tests {
    my ($id, $cell) = @_;

    for my $part (split /;\s*/, $cell) {
        my ($file, $list) = $part =~ m{^(t/[\w.-]+\.t): TEST (\S.*?)\s*$};

        if (!defined $file) {
            push @errors, "$id: not a list of tests: $part";
            next;
        }

        for my $n (split /, /, $list) {
            my $ids = titles($file)->{$n};

            push @errors, $n eq '?' ? "$id: a test is still to be written in $file"
                : !$ids ? "$id: $file has no TEST $n"
                : !$ids->{$id} ? "$id: $file, TEST $n does not name it in its title"
                : ();
            $tests++;
        }
    }
}


for my $line (lines($PAGE)) {
    my ($id, $danger, $cell) = $line =~ /^\| ([A-Z]\d+) \| (.+) \| (.*) \|$/
        or next;

    push @errors, "$id: there are two rows of it" if $rows{$id}++;

    next if $cell =~ /^(?:Does not apply|By construction): \S/;

    check_tests($id, $cell);
}

for my $letter (sort keys %LAST) {
    for my $id (map { "$letter$_" } 1 .. $LAST{$letter}) {
        push @errors, "$id: not in the checklist" if !delete $rows{$id};
    }
}

push @errors, map { "$_: not an id of the checklist" } sort keys %rows;

print STDERR "$PAGE: $_\n" for @errors;
print "checklist: $tests tests\n" if !@errors;

exit @errors ? 1 : 0;
