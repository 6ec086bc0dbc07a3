#!/usr/bin/env perl
#
# style.pl FILE...: the part of the C style that a program can check: 80
# columns, no tabs, no trailing blanks, no "//", no declarations in "for",
# braces always, one newline at the end.

use strict;
use warnings;

my $bad = 0;


sub complain
{
    my ($file, $line, $what) = @_;

    print "$file:$line: $what\n";
    $bad++;
}


# Replaces comments and the contents of strings by blanks; lines stay.
sub bare
{
    my ($text) = @_;

    my $blank = sub { $_[0] =~ s/[^\n]/ /gr };

    $text =~ s{
        (?<comment> /\* .*? \*/ )
        | (?<string> " (?: [^"\\\n] | \\. )* " | ' (?: [^'\\\n] | \\. )+ ' )
    }{ defined $+{comment} ? $blank->($+{comment})
        : '"' . $blank->(substr $+{string}, 2) . '"' }xesg;

    return $text;
}


# The text from an opening parenthesis to the one that closes it.
sub in_parentheses
{
    my ($text, $at) = @_;

    my $depth = 0;

    for my $i ($at .. length($text) - 1) {
        my $c = substr $text, $i, 1;

        $depth++ if $c eq '(';
        $depth-- if $c eq ')';

        return $i + 1 if $depth == 0;
    }

    return length $text;
}


for my $file (@ARGV) {
    open my $in, '<:encoding(UTF-8)', $file or die "$file: $!\n";
    my $text = do { local $/; <$in> } // '';
    close $in;

    my $n = 0;

    for my $line (split /\n/, $text, -1) {
        $n++;
        complain($file, $n, 'over 80 columns') if length $line > 80;
        complain($file, $n, 'tab') if $line =~ /\t/;
        complain($file, $n, 'blanks at the end') if $line =~ /[ \t\r]$/;
    }

    complain($file, $n, 'no newline at the end') if $text !~ /\n\z/;
    complain($file, $n, 'empty lines at the end') if $text =~ /\n\n\z/;

    my $code = bare($text);

    $n = 0;

    for my $line (split /\n/, $code) {
        $n++;
        complain($file, $n, '"//" comment') if $line =~ m{//};
    }

    # macros may be statements of their own: their lines are left out
    $code =~ s{^[ \t]*\#(?:[^\n]*\\\n)*[^\n]*}{ $& =~ s/[^\n]/ /gr }gme;

    while ($code =~ /\b(if|for|while|else|do)\b/g) {
        my ($word, $start, $at) = ($1, $-[0], pos $code);
        my $line = 1 + (substr($code, 0, $start) =~ tr/\n//);

        if ($word =~ /^(?:if|for|while)$/) {
            next if substr($code, $at) !~ /\A\s*\(/;

            my $open = $at + length(substr($code, $at) =~ /\A(\s*)/ ? $1 : '');
            my $end = in_parentheses($code, $open);
            my $inside = substr $code, $open, $end - $open;

            if ($word eq 'for'
                && $inside =~ /\A\(\s*(?:const\s+)?[a-z_]\w*\s+\*?\s*\w+\s*=/)
            {
                complain($file, $line, 'declaration in "for"');
            }

            my $after = substr $code, $end, 200;

            # the end of a do loop
            next if $word eq 'while' && $after =~ /\A\s*;/;

            complain($file, $line, "\"$word\" without braces")
                if $after !~ /\A\s*\{/;

        } elsif (substr($code, $at, 200) !~ /\A\s*(?:\{|if\b)/) {
            complain($file, $line, "\"$word\" without braces");
        }
    }
}

exit $bad ? 1 : 0;
