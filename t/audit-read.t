#!/usr/bin/perl

# How dmpctl reads the streams of a trace: all entries, each once, in the order
# of their ids, then of their buckets, however many there are, however they are
# spread and whatever their sizes.  The entries say nothing: dmpctl names each
# that it cannot read.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use DMP ();
use DMP::Index qw($dmpctl $err run);
use DMP::Tamper qw(key);

plan skip_all => "no $dmpctl: build it first" unless -x $dmpctl;

my @where = ('--redis', DMP::redis_address());
my $buckets = 5;                         # no power of two

# KEYS: a stream.  ARGV: a size, then the ids of entries that are as large.
my $append = <<'LUA';
    local body = string.rep('x', tonumber(ARGV[1]))
    for i = 2, #ARGV do
        redis.call('XADD', KEYS[1], ARGV[i], 'b', body, 'o', '1')
    end
    return redis.call('XLEN', KEYS[1])
LUA


# ------------------------------------------------------------------ helpers

sub append
{
    my ($bucket, $size, @ids) = @_;

    DMP::redis('EVAL', $append, 1, key($bucket, 'trace'), $size, splice @ids, 0, 1000)
        while @ids;
}

# "ms-n bucket" of all, as they are to be read.
sub in_order
{
    my (@entries) = @_;

    my %place = map { /^(\d+)-(\d+) (\d+)$/ ? ($_ => [$1, $2, $3]) : () } @entries;

    return sort {
        my ($x, $y) = @place{$a, $b};
        $x->[0] <=> $y->[0] || $x->[1] <=> $y->[1] || $x->[2] <=> $y->[2]
    } @entries;
}

sub read_all
{
    my (@options) = @_;

    run('audit', 'export', '--format', 'csv', @where, @options);

    my @said;
    push @said, "$2 $1" while $err =~ /bucket (\d+), entry (\d+-\d+) cannot be read/g;

    return @said;
}

# A list of thousands says nothing to anybody.
sub same
{
    my ($name, $got, $expected) = @_;

    my ($at) = grep { ($got->[$_] // '') ne ($expected->[$_] // '') }
        0 .. ($#$got > $#$expected ? $#$got : $#$expected);

    ok !defined $at, $name or diag "number $at is ", $got->[$at] // 'missing', ', not ',
        $expected->[$at] // 'there';
}

# A store with these entries alone; each bucket's are [size, id, ...] in turn.
sub is_read
{
    my ($name, %streams) = @_;

    my @all;

    DMP::redis('FLUSHALL');
    run('init', @where, '--buckets', $buckets) == 0 or die "no store: $err";

    for my $bucket (sort keys %streams) {
        for my $part (@{ $streams{$bucket} }) {
            my ($size, @ids) = @$part;

            append($bucket, $size, @ids);
            push @all, map { "$_ $bucket" } @ids;
        }
    }

    same($name, [read_all()], [in_order(@all)]);
}


# -------------------------------------------------------------------- tests

is_read('no entry');
is_read('one entry', 4 => [[10, '1000-0']]);

is_read('two of one instant, in two buckets', 3 => [[10, '1000-0']], 1 => [[10, '1000-0']]);

is_read('as many as are asked for at once, one fewer and one more',
    0 => [[10, map { "$_-0" } 1 .. 15]], 1 => [[10, map { "$_-0" } 1 .. 16]],
    2 => [[10, map { "$_-0" } 1 .. 17]]);

is_read('thousands, by turns',
    map { my $b = $_; $b => [[1000, map { $_ * $buckets + $b . '-0' } 1 .. 1500]] } 0 .. 4);

# parts of these
for my $part ([7504], [5999, '--until', '1970-01-01T00:00:06Z']) {
    my ($last, @options) = @$part;

    unshift @options, '--since', '1970-01-01T00:00:05Z';
    same("@options", [read_all(@options)], [map { "$_-0 " . $_ % $buckets } 5000 .. $last]);
}

is_read('one bucket after the other',
    map { my $b = $_; $b => [[100, map { 10_000 * (5 - $b) + $_ . '-0' } 1 .. 700]] } 0 .. 4);

is_read('a long one, and short ones beside it',
    2 => [[100, map { "$_-0" } 1 .. 5000]], 0 => [[100, '2-0', '2500-0']],
    1 => [[100, '2500-0']], 4 => [[100, '1-1', '5000-1']]);

is_read('all of one millisecond', map { $_ => [[50, map { "7-$_" } 1 .. 900]] } 0 .. 4);

is_read('the greatest ids',
    0 => [[10, '18446744073709551615-18446744073709551615']],
    3 => [[10, '5-18446744073709551615', '6-0', '18446744073709551615-18446744073709551614',
        '18446744073709551615-18446744073709551615']]);

# sizes around what a batch, a line and a bulk may have
is_read('small ones, large ones, and some that are too large',
    0 => [[1, map { "$_-0" } 1 .. 300], [65536, map { "$_-0" } 301 .. 320],
        [65537, map { "$_-0" } 321 .. 330], [1, map { "$_-0" } 331 .. 600]],
    1 => [[20_000, map { "$_-5" } 1 .. 150]], 2 => [[0, map { "$_-1" } 1 .. 200]],
    4 => [[300_000, '310-9'], [1000, map { "$_-0" } 311 .. 500]]);

# so many that some wait for their turn while others are read
$buckets = 40;
is_read('many buckets, by turns',
    map { my $b = $_; $b => [[1000, map { $_ * $buckets + $b . '-0' } 1 .. 120]] } 0 .. 39);
is_read('many buckets, some faster than others',
    map { my $b = $_; $b => [[600, map { $_ * (1 + $b % 7) . "-$b" } 1 .. 150]] } 0 .. 39);

done_testing;
