#!/usr/bin/env perl
#
# run.pl [long] [jobs=N] [NAME...]: plays the faults of this folder (all, or
# those that are named: F1), each with its safeties and without one of them;
# prints a table of what came of it, and writes it to build/faults.json.  "long"
# plays more of each, and those that take long.  README.md lists them.
#
# Exit: 0 everything held and every control was found out, 1 not so, 2 usage.

use strict;
use warnings;

use FindBin;
use JSON::PP ();
use POSIX ();

chdir "$FindBin::Bin/../.." or die "$0: $!\n";

my $lines = 'build/faults.lines';
my $report = 'build/faults.json';

# what a run of ten minutes leaves out
my $slow = qr{/f(?:10|11|12)-};

my $jobs = 1;
my @names;

for my $word (@ARGV) {
    if ($word eq 'long') {
        $ENV{DMP_FAULTS_LONG} = 1;
    } elsif ($word =~ /^jobs=([1-9]\d?)$/) {
        $jobs = $1;
    } elsif ($word =~ /^f0*(\d+)$/i) {
        push @names, sprintf 'f%02u', $1;
    } else {
        print STDERR "usage: $0 [long] [jobs=N] [NAME...]: not \"$word\"\n";
        exit 2;
    }
}

my @files = sort glob 't/faults/f*.t';

if (@names) {
    my $wanted = join '|', @names;

    @files = grep { m{/(?:$wanted)-} } @files;

} elsif (!$ENV{DMP_FAULTS_LONG}) {
    @files = grep { $_ !~ $slow } @files;
}

# first the rig itself
unshift @files, 't/faults/rig.t' if !@names;

if (!@files) {
    print STDERR "$0: no such fault\n";
    exit 2;
}

unlink $lines;
$ENV{DMP_FAULTS_OUT} = "$FindBin::Bin/../../$lines";

my $code = system('prove', "-j$jobs", '--timer', '-It/lib', @files);
my @results = read_lines($lines);

print "\n", table(@results);
write_report(@results);

if (POSIX::WIFSIGNALED($code)) {
    print STDERR "$0: ended by a signal\n";
    exit 1;
}

exit($code == 0 ? 0 : 1);


sub read_lines
{
    my ($file) = @_;

    open my $in, '<', $file or return;

    return map { JSON::PP::decode_json($_) } <$in>;
}


sub number { return ($_[0] =~ /(\d+)/)[0] // 0 }


sub in_order
{
    return sort { number($a->{fault}) <=> number($b->{fault})
        || $a->{fault} cmp $b->{fault} || $a->{control} <=> $b->{control} } @_;
}


sub table
{
    my (@all) = @_;

    my @columns = qw(requests allowed unavailable abandoned lost verdict);
    my $text = sprintf "%-5s %-38s %9s %8s %8s %9s %6s  %s\n", 'fault', 'what',
        qw(requests allowed 503 abandoned lost verdict);

    for my $r (in_order(@all)) {
        my $what = $r->{what} . ($r->{control} ? ", without $r->{safety}" : '');

        $text .= sprintf "%-5s %-38.38s %9s %8s %8s %9s %6s  %s\n", $r->{fault},
            $what, map { $r->{$_} // '-' } @columns;
    }

    return $text;
}


sub write_report
{
    my (@all) = @_;

    open my $out, '>', $report or die "$report: $!\n";
    print $out JSON::PP->new->canonical->pretty->encode([in_order(@all)]);
    close $out or die "$report: $!\n";
}
