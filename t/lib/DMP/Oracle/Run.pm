package DMP::Oracle::Run;

# Policies for the driver, its scripts, its answers in bytes and in words.

use strict;
use warnings;

use Exporter qw(import);
use File::Copy qw(copy);
use JSON::PP ();
use DMP::Oracle qw(verdict);
use DMP::Oracle::Cases qw(base each_case);
use DMP::Oracle::Values qw(%SETTINGS %CHANGED);

our @EXPORT_OK = qw(write_policies policy_arguments ask names encode decode
    script_of expected_of base_script case_script zero_script words read_json);

my $json = JSON::PP->new->utf8->canonical->indent->space_before->space_after;


sub read_json {
    my ($file) = @_;

    open my $in, '<', $file or die "$file: $!\n";
    my $text = do { local $/ = undef; <$in> };
    close $in;

    return $json->decode($text);
}


# The policy of a folder, under each of the settings, in folders below $dir.
sub write_policies {
    my ($from, $dir) = @_;

    my $policy = read_json("$from/policy.json");

    for my $name (keys %SETTINGS) {
        my %settings = %{ $SETTINGS{$name} };

        mkdir "$dir/$name";
        copy($_, "$dir/$name/") or die "$_: $!\n" for glob "$from/*.json";

        $settings{ins_key} = JSON::PP::false() if exists $settings{ins_key};

        # beside what is the default
        my %all = (%$policy, settings => \%settings);

        open my $out, '>', "$dir/$name/policy.json" or die "$dir/$name: $!\n";
        print {$out} $json->encode(\%all);
        close $out or die "$dir/$name: $!\n";

        change_cells("$dir/$name", $CHANGED{$name}) if $CHANGED{$name};
    }

    return;
}


sub change_cells {
    my ($dir, $changed) = @_;

    for my $file (glob "$dir/rights-*.json") {
        my $data = read_json($file);
        my @columns = @{ $data->{columns} };

        for my $row (@{ $data->{rows} }) {
            for my $i (0 .. $#columns) {
                my $to = $changed->{"$columns[$i] $row->{right}"} or next;
                $row->{cells}[$i] = $to;
            }
        }

        open my $out, '>', $file or die "$file: $!\n";
        print {$out} $json->encode($data);
        close $out or die "$file: $!\n";
    }

    return;
}


# The first one is the policy as it is shipped.
sub policy_arguments {
    my ($dir) = @_;

    return map { "$_=$dir/$_/policy.json" }
        sort { ($b eq 'standard') <=> ($a eq 'standard') || $a cmp $b }
        keys %SETTINGS;
}


# What the driver answers to a script; dies with its own words.
sub ask {
    my ($driver, $dir, $script) = @_;

    open my $out, '>:raw', "$dir/script" or die "$dir/script: $!\n";
    print {$out} $script;
    close $out or die "$dir/script: $!\n";

    my $command = join ' ', map { "'$_'" } $driver, policy_arguments($dir);

    system("$command <$dir/script >$dir/answer 2>$dir/error") == 0
        or die "$driver: $?: ", slurp("$dir/error");

    return slurp("$dir/answer");
}


sub slurp {
    my ($file) = @_;

    open my $in, '<:raw', $file or die "$file: $!\n";
    my $text = do { local $/ = undef; <$in> };
    close $in;

    return $text // '';
}

my (%number, %name);


# Learns the numbers behind the names from what "names" answers.
sub names {
    my ($text) = @_;

    my $lists = $json->decode($text);

    for my $list (qw(effect rule reason obligation)) {
        $name{$list} = $lists->{$list};
        $number{$list} = { map { $lists->{$list}[$_] => $_ }
            0 .. $#{ $lists->{$list} } };
    }

    return $lists;
}


sub number {
    my ($list, $word) = @_;
    return $number{$list}{$word} // die "the core has no $list $word\n";
}

my %encoded;


# A verdict of the oracle in the driver's 6 bytes.
sub encode {
    my (@verdict) = @_;

    return $encoded{ join ' ', @verdict } //= do {
        my ($effect, $rule, $reason, $unverified, @obligations) = @verdict;
        my %bits = map { number('obligation', $_) => 1 } @obligations;
        my $bits = 0;

        $bits |= 1 << $_ for keys %bits;
        pack 'C4 v', number('effect', $effect), number('rule', $rule),
            number('reason', $reason), $unverified, $bits;
    };
}


# (effect, rule, reason, unverified, obligations...)
sub decode {
    my ($bytes) = @_;

    my ($effect, $rule, $reason, $unverified, $bits) = unpack 'C4 v', $bytes;

    return ($name{effect}[$effect] // "effect $effect",
        $name{rule}[$rule] // "rule $rule",
        $name{reason}[$reason] // "reason $reason", $unverified,
        map { $name{obligation}[$_] // "bit $_" }
            grep { $bits >> $_ & 1 } 0 .. 15);
}


# The script of a product, its definitions excepted.
sub script_of {
    my ($product) = @_;

    my @dims = @{ $product->{dims} };
    my $script = '';

    for my $base (@{ $product->{bases} }) {
        my %values = (base(), %$base);

        $script .= "reset\n";
        $script .= "base $_ $values{$_}\n" for sort keys %values;
        $script .= "dim $dims[2 * $_]: @{ $dims[2 * $_ + 1] }\n"
            for 0 .. @dims / 2 - 1;
        $script .= "run\n";
    }

    return $script;
}


# One base, from which "case" and "zero" depart.
sub base_script {
    my (%more) = @_;

    my %values = (base(), %more);

    return "reset\n" . join '',
        map { "base $_ $values{$_}\n" } sort keys %values;
}


sub case_script {
    my ($case, $command) = @_;

    my %base = base();

    return join(' ', $command // 'case', map { "$_=$case->{$_}" }
        grep { $case->{$_} ne $base{$_} } sort keys %base) . "\n";
}


# A case that is allowed, and then with zeros in each place of it.
sub zero_script {
    my (@what) = @_;

    return base_script(document => 'same', operation => 'read')
        . "case\n" . join '', map { "zero $_\n" } @what;
}


sub expected_of {
    my ($product) = @_;

    my $bytes = '';

    each_case($product->{bases}, $product->{dims}, sub {
        $bytes .= encode(verdict($_[0]));
    });

    return $bytes;
}


# A case in words: what is not as in the base.
sub words {
    my ($case) = @_;

    my %base = base();

    return join ' ', map { "$_=$case->{$_}" }
        grep { $case->{$_} ne $base{$_} || /^(?:operation|mode|actor|role)$/ }
        sort keys %$case;
}

1;
