#!/usr/bin/perl

# mutants.pl [--only=cells|matrix|rules|code,...] [--match=REGEX] [--jobs=N]
#            [--limit=N] [--all]
#
# Breaks one thing at a time in a copy of the policy or of the core, and looks
# whether t/200-rules.t would notice: whether the driver of that test (t/oracle)
# answers otherwise.  Prints the score and the mutants that nobody noticed.
#
#   cells    each cell of the rights tables
#   matrix   each row and type of the matrix, each exclusion, label, type
#   rules    each rule taken out of the order
#   code     an operator, a condition, a result changed in the rules' source
#
# --match takes those only whose place and change it fits, as they are printed
# ("policy/dmp_rights.c:612: == -> !=").
#
# The test itself must pass first, so that what the unchanged core answers is
# what the oracle says; --unchecked leaves that out.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/../t/lib";

use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Getopt::Long qw(GetOptions);
use JSON::PP ();
use POSIX ();
use Time::HiRes ();

use DMP::Oracle::Cases qw(products relations openings each_case prepare
    random_cases);
use DMP::Oracle::Run qw(write_policies policy_arguments script_of base_script
    case_script zero_script read_json);
use DMP::Oracle::Types ();
use DMP::Oracle::Values qw(definitions label_bits);

chdir "$Bin/.." or die "$Bin/..: $!\n";

my %option = (only => 'cells,matrix,rules,code', jobs => 2, seconds => 20,
    limit => 0);

GetOptions(\%option, 'only=s', 'match=s', 'jobs=i', 'seconds=i', 'limit=i',
    'unchecked', 'all')
    or die "usage: mutants.pl [--only=cells|matrix|rules|code,...] "
    . "[--match=REGEX] [--jobs=N] [--limit=N] [--seconds=N] [--unchecked] "
    . "[--all]\n";

my $policy = 'conf/policy';
my $dir = tempdir('dmp-mutants-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $parent = $$;
my @cc = (qw(gcc -std=c11 -D_GNU_SOURCE -Iinclude -O1 -w));
my @libs = qw(-ljansson -ljwt -lcrypto -lutf8proc);
my $json = JSON::PP->new->utf8->canonical->indent;
my %wanted = map { $_ => 1 } split /,/, $option{only};

for (keys %wanted) {
    die "mutants.pl: --only: no $_\n"
        unless /^(?:cells|matrix|rules|code)$/;
}


sub run {
    my (@command) = @_;
    system(@command) == 0 or die "mutants.pl: @command: failed\n";
    return;
}


sub slurp {
    my ($file) = @_;

    open my $in, '<:raw', $file or die "$file: $!\n";
    my $text = do { local $/ = undef; <$in> };
    close $in;

    return $text // '';
}


sub spew {
    my ($file, $text) = @_;

    open my $out, '>:raw', $file or die "$file: $!\n";
    print {$out} $text;
    close $out or die "$file: $!\n";

    return;
}


# The core as it is, object by object, and its driver.

my @sources = (glob('policy/*.c'), glob('t/oracle/*.c'));


sub object { my ($source) = @_; return "$dir/o/" . $source =~ tr{/}{-}r . '.o' }


sub build_all {
    mkdir "$dir/o";

    for my $source (@sources) {
        run(@cc, '-c', '-o', object($source), $source);
    }

    run('gcc', '-o', "$dir/oracle", (map { object($_) } @sources), @libs);
    return;
}


# What is asked, in parts: the quick one, the rest, and ("cells") what is not
# asked of a decision: what each cell and label says, who is authorised, what
# bris de glace would open.

sub write_scripts {
    my $professions = read_json("$policy/professions.json")->{professions};

    DMP::Oracle::Types::load("$policy/types.json");
    prepare(map { [$_->{system}, $_->{code}] } @$professions);

    my %script = (quick => definitions(), rest => definitions());

    for my $product (products()) {
        $script{ $product->{fast} ? 'quick' : 'rest' } .= script_of($product);
    }

    my %labels = label_bits();

    $script{rest} .= base_script()
        . join '', map { case_script($_->[0]) } random_cases(20260228, 4000);
    $script{rest} .= zero_script(qw(subject request facts record policy all
        document));
    $script{cells} = join '', definitions(), "cells\n",
        (map { "label $_\n" } sort keys %labels), base_script();

    my $relations = relations();

    each_case($relations->{bases}, $relations->{dims}, sub {
        $script{cells} .= case_script($_[0], 'answer');
    });

    for my $product (openings()) {
        each_case($product->{bases}, $product->{dims}, sub {
            $script{cells} .= case_script($_[0], 'opens');
        });
    }


    spew("$dir/$_.script", $script{$_}) for keys %script;
    return;
}

my @parts = qw(quick rest cells);


sub answers_to {
    my ($driver, $policies, $part, $out) = @_;

    my $command = join ' ', map { "'$_'" } $driver,
        policy_arguments($policies);

    return system("{ timeout $option{seconds} $command <$dir/$part.script; } "
        . $out);
}


# "" if every answer is the same; else which part told, or what it died of.
sub noticed {
    my ($driver, $policies) = @_;

    my $command = join ' ', map { "'$_'" } $driver,
        policy_arguments($policies);

    return 'load' if system("{ $command; } </dev/null >/dev/null 2>&1");

    for my $part (@parts) {
        my $status = answers_to($driver, $policies, $part,
            "2>/dev/null | cmp -s - $dir/$part.answer");
        return $part if $status;
    }

    return '';
}


# Mutants: { kind, where, what, make => sub ($folder) -> (driver, policies) }.

my @mutants;


# A policy in which $change has altered the contents of one file.
sub policy_mutant {
    my ($kind, $file, $what, $change) = @_;

    push @mutants, {
        kind => $kind, where => "$policy/$file", what => $what,
        make => sub {
            my ($folder) = @_;

            mkdir "$folder/from";
            mkdir "$folder/policies";
            copy($_, "$folder/from/") for glob "$policy/*.json";

            my $data = read_json("$policy/$file");
            $change->($data);
            spew("$folder/from/$file", $json->encode($data));
            write_policies("$folder/from", "$folder/policies");

            return ("$dir/oracle", "$folder/policies");
        },
    };

    return;
}


# A cell may have been the only one with its note.
sub drop_unused_notes {
    my ($data) = @_;

    my %used = map { /\((.*)\)/ ? ($1 => 1) : () }
        map { @{ $_->{cells} } } @{ $data->{rows} };

    delete $data->{notes}{$_} for grep { !$used{$_} } keys %{ $data->{notes} };
    return;
}


sub cells {
    for my $path (glob "$policy/rights-*.json") {
        my ($file) = $path =~ m{([^/]+)$};
        my $data = read_json($path);
        my @rows = @{ $data->{rows} };

        for my $row (0 .. $#rows) {
            for my $column (0 .. $#{ $data->{columns} }) {
                my $is = $rows[$row]{cells}[$column];

                for my $to ($is eq 'non' ? 'oui'
                    : $is eq 'oui' ? 'non' : ('oui', 'non'))
                {
                    policy_mutant('cells', $file, "$rows[$row]{right} "
                        . "$data->{columns}[$column]: $is -> $to", sub {
                        my ($d) = @_;
                        $d->{rows}[$row]{cells}[$column] = $to;
                        drop_unused_notes($d);
                    });
                }
            }
        }
    }

    return;
}


sub matrix_rows {
    my ($file) = @_;

    my @rows = @{ read_json("$policy/$file")->{rows} };

    for my $i (0 .. $#rows) {
        my $who = "$rows[$i]{system}|$rows[$i]{code}";

        for my $member (qw(default unknown)) {
            policy_mutant('matrix', $file, "$who: $member turned", sub {
                my $row = $_[0]{rows}[$i];
                $row->{$member} = $row->{$member} eq 'allow' ? 'deny'
                    : 'allow';
            });
        }

        for my $type (@{ $rows[$i]{types} }) {
            policy_mutant('matrix', $file, "$who: without $type", sub {
                my $row = $_[0]{rows}[$i];
                $row->{types} = [grep { $_ ne $type } @{ $row->{types} }];
            });
        }

        policy_mutant('matrix', $file, "$who: no row", sub {
            splice @{ $_[0]{rows} }, $i, 1;
        });
    }

    return;
}


sub matrix {
    matrix_rows($_) for map { m{([^/]+)$} } glob "$policy/matrix-*.json";

    my $exclusions = read_json("$policy/exclusions.json");

    for my $list (qw(excluded occupational_doctors)) {
        for my $i (0 .. $#{ $exclusions->{$list} }) {
            policy_mutant('matrix', 'exclusions.json',
                "$list: without $exclusions->{$list}[$i]{name}",
                sub { splice @{ $_[0]{$list} }, $i, 1 });
        }
    }

    my $labels = read_json("$policy/labels.json")->{labels};

    for my $i (0 .. $#$labels) {
        for my $from (qw(professionals patient representatives)) {
            policy_mutant('matrix', 'labels.json',
                "$labels->[$i]{code}: hides_from $from turned", sub {
                my $label = $_[0]{labels}[$i];
                my @now = @{ $label->{hides_from} };
                my @other = grep { $_ ne $from } @now;

                $label->{hides_from} = [@other,
                    @other == @now ? $from : ()];
            });
        }
    }

    my $professions = read_json("$policy/professions.json")->{professions};

    for my $i (0 .. $#$professions) {
        my $kind = $professions->[$i]{kind} or next;

        policy_mutant('matrix', 'professions.json',
            "$professions->[$i]{name}: $kind turned", sub {
            $_[0]{professions}[$i]{kind} = $kind eq 'health' ? 'other'
                : 'health';
        });
    }

    my $types = read_json("$policy/types.json")->{types};

    for my $i (0 .. $#$types) {
        policy_mutant('matrix', 'types.json',
            "$types->[$i]{code}: patient_deposits turned", sub {
            my $type = $_[0]{types}[$i];
            $type->{patient_deposits} = $type->{patient_deposits}
                ? JSON::PP::false() : JSON::PP::true();
        });
    }

    return;
}


# The core with the text of one source altered.
sub code_mutant {
    my ($kind, $source, $line, $what, $text) = @_;

    push @mutants, {
        kind => $kind, where => "$source:$line", what => $what,
        make => sub {
            my ($folder) = @_;

            my ($name) = $source =~ m{([^/]+)\.c$};

            spew("$folder/$name.c", $text);

            # it includes what is beside it
            system(@cc, '-Ipolicy', '-c', '-o', "$folder/$name.o",
                "$folder/$name.c") == 0 or return;
            system('gcc', '-o', "$folder/oracle", "$folder/$name.o",
                (map { object($_) } grep { $_ ne $source } @sources), @libs)
                == 0 or return;

            return ("$folder/oracle", "$dir/policies");
        },
    };

    return;
}


sub line_of {
    my ($text, $at) = @_;
    return 1 + (substr($text, 0, $at) =~ tr/\n//);
}


sub rules {
    my $source = 'policy/dmp_decide.c';
    my $text = slurp($source);
    my $found = 0;

    while ($text =~ /^ +\{ (DMP_RULE_\w+), \w+ \},?\n/mg) {
        my ($from, $to, $rule) = ($-[0], $+[0], $1);

        code_mutant('rules', $source, line_of($text, $from), "no $rule",
            substr($text, 0, $from) . substr($text, $to));
        $found++;
    }

    die "mutants.pl: $source: no table of rules\n" unless $found;
    return;
}


# Comments and strings, blanked: nothing is to be changed in there.
sub bare {
    my ($text) = @_;

    $text =~ s{(/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)+')}
        {$1 =~ s/[^\n]/ /gr}gse;
    $text =~ s/^(#.*(?:\\\n.*)*)/$1 =~ s{[^\n]}{ }gr/gme;

    return $text;
}

my @swaps = (
    [qr/&&/, '||'], [qr/\|\|/, '&&'], [qr/==/, '!='], [qr/!=/, '=='],
    [qr/(?<= )<(?= )/, '<='], [qr/(?<= )<=(?= )/, '<'],
    [qr/(?<= )>(?= )/, '>='], [qr/(?<= )>=(?= )/, '>'],
    [qr/\breturn true;/, 'return false;'],
    [qr/\breturn false;/, 'return true;'],
    [qr/(?<=[\s(])!(?=\w)/, ''],
    [qr/\bDMP_REASON_(?!NONE)\w+(?=;)/, 'DMP_REASON_NONE'],
    [qr/(?<=return )(?=\w+\([^;]*\);)/, '!'],
);


sub code {
    for my $source ('policy/dmp_decide.c', 'policy/dmp_rights.c',
        glob 'policy/dmp_rules_*.c')
    {
        my $text = slurp($source);
        my $bare = bare($text);

        for my $swap (@swaps) {
            my ($what, $to) = @$swap;

            while ($bare =~ /$what/g) {
                my ($from, $end) = ($-[0], $+[0]);

                next if in_a_loop($bare, $from);

                my $is = substr $text, $from, $end - $from;

                code_mutant('code', $source, line_of($text, $from),
                    ($is eq '' ? 'nothing' : $is) . ' -> '
                        . ($to eq '' ? 'nothing' : $to),
                    substr($text, 0, $from) . $to . substr($text, $end));
            }
        }

        while ($bare =~ /\bif (\((?:[^()]++|(?1))*\))/g) {
            my ($from, $end) = ($-[1], $+[1]);

            code_mutant('code', $source, line_of($text, $from),
                'the condition negated', substr($text, 0, $from) . '(!'
                    . substr($text, $from, $end - $from) . ')'
                    . substr($text, $end));
        }
    }

    return;
}


# The head of a loop: it would run beyond its array, which proves nothing.
sub in_a_loop {
    my ($bare, $at) = @_;

    my $line = substr $bare, rindex($bare, "\n", $at) + 1;

    return $line =~ /^[^\n]*\bfor \(/;
}


# One after the other in each job; each writes a line for each of its own.
sub job {
    my ($n, $jobs) = @_;

    open my $out, '>', "$dir/result.$n" or die "$dir/result.$n: $!\n";
    $out->autoflush(1);

    for (my $i = $n; $i < @mutants; $i += $jobs) {
        my $folder = "$dir/m$n";

        system('rm', '-rf', $folder);
        mkdir $folder or die "$folder: $!\n";

        open my $stderr, '>&', \*STDERR or die "stderr: $!\n";
        open STDERR, '>', "$folder/log" or die "$folder: $!\n";
        my ($driver, $policies) = $mutants[$i]{make}->($folder);
        open STDERR, '>&', $stderr or die "stderr: $!\n";

        my $by = $driver ? noticed($driver, $policies) : 'compile';

        print {$out} "$i ", $by eq '' ? 'survived' : $by, "\n";
    }

    close $out;
    return;
}


sub results {
    my ($jobs) = @_;

    my %by;

    for my $n (0 .. $jobs - 1) {
        next unless -e "$dir/result.$n";
        /^(\d+) (\w+)\n/ and $by{$1} = $2
            for slurp("$dir/result.$n") =~ /.*\n/g;
    }

    return %by;
}


sub all_jobs {
    my $jobs = $option{jobs} < 1 ? 1 : $option{jobs};
    my $since = time;
    my (@pids, $told);

    for my $n (0 .. $jobs - 1) {
        my $pid = fork // die "fork: $!\n";

        if ($pid == 0) {
            eval { job($n, $jobs); 1 } or do {
                print STDERR $@;
                POSIX::_exit(1);
            };
            POSIX::_exit(0);
        }

        push @pids, $pid;
    }

    my ($left, $failed) = (scalar @pids, 0);

    while ($left) {
        my $pid = waitpid -1, POSIX::WNOHANG();

        if ($pid > 0) {
            $left--;
            $failed ||= $?;
        } else {
            Time::HiRes::sleep(0.2);
        }

        my %by = results($jobs);
        my $done = keys %by;
        my $alive = grep { $_ eq 'survived' } values %by;
        my $line = "$done of " . @mutants . " mutants, $alive alive, "
            . (time - $since) . ' s';

        if (-t STDOUT) {
            print "\r$line  ";
        } elsif (!defined $told || $done >= $told + 100) {
            print "$line\n";
            $told = $done;
        }

        STDOUT->flush();
    }

    print "\n";
    die "mutants.pl: a job failed\n" if $failed;

    return results($jobs);
}


$| = 1;
binmode STDOUT, ':encoding(UTF-8)';
build_all();

unless ($option{unchecked}) {
    print "t/200-rules.t on the core as it is\n";
    local $ENV{ORACLE} = "$dir/oracle";
    mkdir 'build';
    run(qw(prove -It/lib t/200-rules.t));
}

mkdir "$dir/policies";
write_policies($policy, "$dir/policies");
write_scripts();

for my $part (@parts) {
    answers_to("$dir/oracle", "$dir/policies", $part, ">$dir/$part.answer")
        == 0 or die "mutants.pl: the core itself does not answer ($part)\n";
}

cells() if $wanted{cells};
matrix() if $wanted{matrix};
rules() if $wanted{rules};
code() if $wanted{code};

if (defined $option{match}) {
    @mutants = grep { "$_->{where}: $_->{what}" =~ /$option{match}/ } @mutants;
    die "mutants.pl: --match: no such mutant\n" unless @mutants;
}

# evenly spread, for a look
if ($option{limit} && $option{limit} < @mutants) {
    my $step = @mutants / $option{limit};
    @mutants = map { $mutants[$_ * $step] } 0 .. $option{limit} - 1;
}

my %by = all_jobs();
my (%of, %killed, %how, @alive);

for my $i (0 .. $#mutants) {
    my $kind = $mutants[$i]{kind};
    my $by = $by{$i} // 'survived';

    next if $by eq 'compile';      # not a program: no mutant

    $of{$kind}++;
    $how{$kind}{$by}++;
    print "$by: $mutants[$i]{where}: $mutants[$i]{what}\n" if $option{all};

    if ($by eq 'survived') {
        push @alive, $mutants[$i];
    } else {
        $killed{$kind}++;
    }
}

print "survived: $_->{where}: $_->{what}\n" for @alive;

my ($all, $dead) = (0, 0);

for my $kind (grep { $of{$_} } qw(cells matrix rules code)) {
    my %n = %{ $how{$kind} };

    $all += $of{$kind};
    $dead += $killed{$kind} // 0;
    printf "%-7s %4d of %4d (%s)\n", $kind, $killed{$kind} // 0, $of{$kind},
        join ', ', map { ($_ eq 'load' ? 'refused at load'
            : $_ eq 'cells' ? 'not by a decision' : $_)
            . " $n{$_}" } sort keys %n;
}

printf "score   %4d of %4d killed, %.1f %%\n", $dead, $all,
    $all ? 100 * $dead / $all : 0;

exit($dead == $all ? 0 : 1);
