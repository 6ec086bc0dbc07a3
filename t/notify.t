#!/usr/bin/perl

# dmp-notifyd against a real store with its users, a mail server and a provider
# of SMS that fail as they are told, and OpenSMTPD.

use strict;
use warnings;

use lib 't/lib';
use IO::Socket::UNIX;
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use MIME::QuotedPrint qw(decode_qp);
use Notify;
use Socket qw(SOCK_DGRAM);
use Test::More;

plan skip_all => 'no dmp-notifyd: build it first' unless -x 'build/dmp-notifyd';
plan skip_all => 'no node' unless `node --version` =~ /^v/;

my $Jeanne = 'jeanne@example.org';
my $Phone = '06 12 34 56 78';

peers();
store();

sub json { return JSON::PP->new->utf8->decode($_[0]) }

# The text of an SMS, and of a mail.
sub body_of { return JSON::PP->new->decode($_[0]{body}) }

sub text_of
{
    my $text = body_of($_[0])->{message}[0];

    utf8::encode($text);

    return $text;
}

sub mail_of
{
    my ($mail) = @_;

    my ($head, $body) = split /\n\n/, $mail =~ s/\r//gr, 2;
    my %header = map { split /: ?/, $_, 2 } split /\n(?=\S)/, $head;

    my $plain = sub { $_[0] =~ s/\?=\s+=\?UTF-8\?B\?//gr =~ s/=\?UTF-8\?B\?(.*?)\?=/decode_base64($1)/ger };

    return { (map { (lc $_ => $plain->($header{$_})) } keys %header), text => decode_qp($body) };
}

# Sends a signal that nothing survives, and waits.
sub kill_hard { my ($pid) = @_; kill 'KILL', $pid; Notify::ended($pid) }

my $Log = '';
sub log_of { return slurp(dir() . "/$_[0].log") }


subtest 'a code by SMS' => sub {
    mark(smtp => 'ok', sms => 'ok');
    my ($bucket, $id) = message('sms', $Phone, '493817', p => pseudonym(1));
    my $one = notifyd('one');
    empty();

    my @sms = since('sms');
    is(scalar @sms, 1, 'one request');
    is(body_of($sms[0])->{to}, '+33612345678', 'the number as providers want it');
    like(text_of($sms[0]), qr/^493817 /, 'the code is what comes first');
    is($sms[0]{headers}{'idempotency-key'}, sprintf('dmp-%02d-%s', $bucket, $id), 'its id');
    is($sms[0]{headers}{authorization}, 'Bearer sms-secret', 'the provider knows us');
    is($sms[0]{headers}{'content-type'}, 'application/json', 'and the form');
    is(given(), 0, 'nothing is pending');
    is(outbox('dead'), 0, 'nor dead');

    kill 'TERM', $one;
    is(ended($one), 0, 'ends when it is asked to');
    like(written('one'), qr/^dmp_notify_messages_total\{kind="code",channel="sms",result="sent"\} 1$/m,
        'it is counted');
};


subtest 'a code by mail, with STARTTLS, signed in' => sub {
    for my $how ('PLAIN', 'LOGIN') {
        mark(smtp => 'auth');
        my ($bucket, $id) = message('email', $Jeanne, '620415');
        my $one = notifyd('mail', conf('mail', sub { $_[0]{smtp}{auth} = lc $how }));
        empty();

        my ($auth) = since('auth');
        is("$auth->{how} $auth->{user} " . ($auth->{tls} ? 'TLS' : 'plain'), "$how notifyd TLS",
            "AUTH $how");
        my @mail = since('mail');
        is(scalar @mail, 1, 'one mail');
        is($mail[0]{to}, $Jeanne, 'to her');
        my $m = mail_of($mail[0]{text});
        is($m->{subject}, 'Votre code de connexion', 'the subject has no code');
        like($m->{text}, qr/^    620415$/m, 'the text has');
        like($m->{text}, qr/à votre dossier médical partagé/, 'in French');
        is($m->{'message-id'}, sprintf('<dmp-%02d-%s@example.org>', $bucket, $id), 'its id');
        is($m->{from}, "Dossier médical\n <dmp\@example.org>", 'from whom');
        like($m->{'content-type'}, qr{^text/plain; charset=utf-8}, 'what it is');
        is($mail[0]{text} =~ /[^\x00-\x7f]/, '', 'in ASCII');
        is((grep { length > 78 } split /\n/, $mail[0]{text}), 0, 'in short lines');
        kill 'TERM', $one;
        is(ended($one), 0, 'ended');
    }
};


subtest 'notices go where the record says, and say little' => sub {
    mark(smtp => 'ok', sms => 'ok');
    record(1, { email => $Jeanne, phone => $Phone, prefer => 'sms' });
    record(2, { email => 'marc@example.org', phone => '0700000002', prefer => 'email' });
    record(3, { email => 'only@example.org', prefer => 'sms' });
    record(4, { phone => '0700000004', prefer => 'email' });
    record(5, {});
    record(6, { phone => '0700000006' }, status => 'closed');
    notice(7);                         # who has no record

    my $one = notifyd('notices');
    empty();

    my %sms = map { (body_of($_)->{to} => text_of($_)) } since('sms');
    my %mail = map { ($_->{to} => mail_of($_->{text})) } since('mail');

    is_deeply([sort keys %sms], ['+33612345678', '+33700000004'], 'by SMS');
    is_deeply([sort keys %mail], ['marc@example.org', 'only@example.org'], 'by mail');
    like($sms{'+33612345678'}, qr{a été ouvert le \d\d/\d\d/\d{4}\. .* : dmp\.example\.org$},
        'when, and where to look');
    is($mail{'marc@example.org'}{subject}, 'Votre dossier médical partagé est ouvert', 'subject');

    mark();
    notice(1, $_) for qw(first-access emergency-access document-added rights-changed);
    empty();
    my $all = join "\n", map { text_of($_) } since('sms');
    is(scalar(() = $all =~ /dmp\.example\.org/g), 4, 'each kind has its text');
    unlike($all, qr/MARTINOT|JEANNE|28503/, 'and nobody is named');
    is(scalar(grep { length(do { utf8::decode(my $t = text_of($_)); $t }) > 160 } since('sms')),
        0, 'none is longer than one SMS');

    my $p = pseudonym(1);
    mark();
    put($p, $_, channel => 'email', to => 'before@example.org', until => 0)
        for qw(password-changed contact-changed emergency-changed);
    put($p, 'password', channel => 'email', to => $Jeanne, until => 0, password => 'é=?x<&',
        identifier => 'jm-4711');
    empty();
    my @mail = map { { %{ mail_of($_->{text}) }, to => $_->{to} } } since('mail');
    is(join(' ', sort map { $_->{to} } @mail), join(' ', ('before@example.org') x 3, $Jeanne),
        'to the address that was on record');
    my ($password) = grep { $_->{to} eq $Jeanne } @mail;
    like($password->{text}, qr/mot de passe :  é=\?x<&\n/, 'a password, byte for byte');
    like($password->{text}, qr/identifiant :   jm-4711\n/, 'and an identifier');

    mark();
    put($p, 'password', channel => 'sms', to => $Phone, until => 0, password => 'abc');
    empty();
    like(text_of((since('sms'))[0]), qr/identifiant celui qui vous a été remis, .*abc/,
        'or none, if it was given otherwise');

    kill 'TERM', $one;
    is(ended($one), 0, 'ended');
    my $counted = written('notices');
    my $nobody = 0;
    $nobody += $1 while $counted =~ /channel="none",result="nobody"\} (\d+)/g;
    is($nobody, 3, 'who cannot be told is counted');
};


subtest 'what is no use any more' => sub {
    mark(sms => 'ok');
    message('sms', $Phone, '111111', end => -1);
    my $one = notifyd('late');
    empty();
    is(scalar since('sms'), 0, 'an expired code is not sent');

    # nor one that expires while the provider is down
    mark(sms => 'down');
    message('sms', $Phone, '222222', end => 1);
    empty();
    mark(sms => 'ok');
    message('sms', $Phone, '333333');
    empty();
    is(join(' ', map { substr text_of($_), 0, 6 } since('sms')), '333333', 'nor later');
    kill 'TERM', $one;
    is(ended($one), 0, 'ended');
    like(written('late'), qr/kind="code",channel="sms",result="expired"\} 2/, 'they are counted');
};


subtest 'codes before all that was read earlier, or not yet' => sub {
    mark(sms => 'stall');
    my $one = notifyd('order');
    my ($first) = notice(1);
    wait_for { since('sms') == 1 } 'the first one in the air';

    # behind more than it looks at in one go, in one bucket
    notice(1, 'rights-changed') for 1 .. 20;
    notice(1, 'document-added');
    my $bucket = sprintf '{dmp:%02d}:outbox', $first;
    redis('XADD', $bucket, '*', k => 'rights-changed', p => pseudonym(1), e => '1-1') for 1 .. 300;
    message('sms', $Phone, '777777');
    peers(sms => 'ok');
    empty(60);

    my @order = map { text_of($_) } since('sms');
    is(scalar @order, 323, 'all came');
    like($order[1], qr/^777777/, 'the code came next');
    like($order[2], qr/Un document/, 'then the document');
    like($order[3], qr/Les droits/, 'then the rest');
    kill 'TERM', $one;
    is(ended($one), 0, 'ended');
};


subtest 'a channel that is down does not hold up the other' => sub {
    mark(smtp => 'down', sms => 'ok');
    my $one = notifyd('down');
    notice(2) for 1 .. 10;
    message('email', $Jeanne, '100001');
    message('sms', $Phone, '100002');
    notice(1);
    wait_for { since('sms') == 2 } 'both SMS';
    is(outbox(), 11, 'mail waits');
    wait_for { written('down') =~ /of="email"\} 0/ } 'what is down is told';
    like(written('down'), qr/of="sms"\} 1/, 'what is up, too');
    peers(smtp => 'ok');
    empty();
    is(scalar since('mail'), 11, 'and is sent when it can be');
    is(scalar(grep { $_->{text} =~ /100001/ } (since('mail'))[0, 1]), 1, 'the code early');
    is(outbox('dead'), 0, 'nothing has died');

    # slower than we wait: like down, but the answer may still come
    mark(smtp => 'stall rcpt');
    my $two = notifyd('slow', conf('slow', sub { $_[0]{smtp}{timeout_ms} = 300 }));
    kill 'TERM', $one;
    is(ended($one), 0, 'ended');
    message('email', $Jeanne, '100003');
    wait_for { since('smtp', 'rcpt') >= 2 } 'two tries';
    message('sms', $Phone, '100004');
    wait_for { since('sms') == 1 } 'a code by SMS';
    peers(smtp => 'ok');
    empty();
    is(scalar since('mail'), 1, 'the mail');
    kill 'TERM', $two;
    is(ended($two), 0, 'ended');
};


subtest 'what a mail server may say, and how it may go away' => sub {
    my $one = notifyd('smtp');

    for my $does ('connect 554 no service', 'mail 451 later', 'mail 550 not you', 'rcpt 451 grey',
        'data 451 later', 'text 452 full', 'cut connect', 'cut mail', 'cut rcpt', 'cut data')
    {
        peers(smtp => 'down');         # no connection is left over
        mark(smtp => $does);
        my ($bucket, $id) = message('email', $Jeanne, '200001');
        my ($phase) = $does =~ /(connect|mail|rcpt|data|text)/;
        wait_for { since('smtp', $phase) >= 2 } "two tries: $does";
        peers(smtp => 'ok');
        empty();
        my @mail = grep { $_->{text} !~ /^$/ } since('mail');
        my %ids = map { (mail_of($_->{text})->{'message-id'} => 1) } @mail;
        is_deeply([keys %ids], [sprintf '<dmp-%02d-%s@example.org>', $bucket, $id], "$does: later");
        is(outbox('dead'), 0, 'not given up');
    }

    # taken, and nothing said: sent again, and known again
    mark(smtp => 'cut text');
    message('email', $Jeanne, '200002');
    wait_for { since('mail') >= 1 } 'a mail';
    peers(smtp => 'ok');
    empty();
    my @mail = since('mail');
    cmp_ok(scalar @mail, '>=', 2, 'sent again');
    is(scalar(keys %{ { map { ($_->{text} => 1) } @mail } }), 1, 'byte for byte the same');

    # no address of that name; the mail itself is not wanted
    for my $does ('rcpt 550 no such user', 'text 554 no') {
        mark(smtp => $does);
        my $dead = outbox('dead');
        message('email', $Jeanne, '200003');
        empty();
        is(outbox('dead'), $dead + 1, "$does: a dead letter");
        is(scalar since('smtp', 'rcpt'), 1, 'after one try');
    }

    # it knows us no more: that is nobody's letter
    mark(smtp => 'auth');
    my $two = notifyd('stranger', conf('stranger', sub {
        $_[0]{smtp}{password_file} = Notify::write_file('wrong.password', "another\n") }));
    kill 'TERM', $one;
    is(ended($one), 0, 'ended');
    my $dead = outbox('dead');
    message('email', $Jeanne, '200004');
    wait_for { since('auth') >= 2 } 'two tries to sign in';
    is(outbox('dead'), $dead, 'no letter dies of our password');
    is(scalar since('mail'), 0, 'and nothing is sent');
    kill_hard($two);
    redis('DEL', $_) for Notify::keys_of('outbox'), Notify::keys_of('dead');
};


subtest 'what a provider of SMS may say' => sub {
    my $one = notifyd('http');

    for my $status (500, 503, 429, 403, 302) {
        mark(sms => "$status");
        message('sms', $Phone, '300001');
        wait_for { since('sms') >= 2 } "two tries: $status";
        peers(sms => 'ok');
        empty();
        is(scalar(keys %{ { map { ($_->{headers}{'idempotency-key'} => 1) } since('sms') } }), 1,
            "$status: later, under the same id");
        is(outbox('dead'), 0, 'not given up');
    }

    mark(sms => '400');
    message('sms', $Phone, '300002');
    empty();
    is(outbox('dead'), 1, '400: a dead letter');
    is(scalar since('sms'), 1, 'after one try');
    kill 'TERM', $one;
    is(ended($one), 0, 'ended');

    mark(sms => 'stall');
    my $two = notifyd('patient', conf('patient', sub { $_[0]{sms}{timeout_ms} = 200;
        $_[0]{retry}{tries} = 3 }));
    notice(1);
    empty();
    is(scalar since('sms'), 3, 'no answer: as many tries as were allowed');
    is(outbox('dead'), 2, 'and then it is dead');
    kill 'TERM', $two;
    is(ended($two), 0, 'ended');
    peers(sms => 'ok');
};


subtest 'dead letters' => sub {
    my @key = ('--audit-key', dir() . '/audit.key');
    my ($rc, $said) = operator(qw(outbox dead --json));
    is($rc, 0, 'are listed');
    my @dead = map { json($_) } split /\n/, $said;
    is(scalar @dead, 2, 'both');
    my ($code) = grep { $_->{kind} eq 'code' } @dead;
    my ($notice) = grep { $_->{kind} eq 'first-access' } @dead;
    is($code->{why}, 'sms: http 400', 'why');
    is($notice->{tries}, 3, 'after how many tries');
    is($notice->{patient}, pseudonym(1), 'whose');
    unlike($said, qr/300002|612345678/, 'and no more');
    ($rc, $said) = operator(qw(outbox dead));
    like($said, qr/^\Q$code->{id}\E +code  \S+  2\d{3}-\S+Z  1 tries: sms: http 400$/m, 'for people');
    ($rc, $said) = operator(qw(outbox status --json));
    is(json($said)->{dead}, 2, 'counted');
    is(json($said)->{waiting}, 0, 'nothing waits');

    my (undef, $text) = operator('outbox', 'requeue', $notice->{id});
    like($text, qr/--audit-key/, 'not without a trace');
    is((operator('outbox', 'requeue', '07:1-1', @key))[0], 1, 'one that is not there');
    is((operator('outbox', 'requeue', '99:1-1', @key))[0], 2, 'nor can be');
    is((operator('outbox', 'requeue', 'x', @key))[0], 2, 'no id');
    is((operator('outbox', 'drop', '--all', @key))[0], 2, 'not all at once');

    ($rc, $said) = operator('outbox', 'requeue', '--all', '--json', @key);
    is("$rc $said", "0 {\"requeued\":2}\n", 'all are put back');
    is(outbox() . ' ' . outbox('dead'), '2 0', 'and dead no more');
    mark(sms => '400');
    my $one = notifyd('again');
    empty();
    is(outbox('dead'), 2, 'they die again');
    my @ids = map { $_->{headers}{'idempotency-key'} } since('sms');

    mark(sms => 'ok');
    is((operator('outbox', 'requeue', '--all', @key))[0], 0, 'and are put back');
    empty();
    is_deeply([sort map { $_->{headers}{'idempotency-key'} } since('sms')], [sort @ids],
        'with the ids that they had first');

    mark(sms => '410');
    notice(1);
    empty();
    ($rc, $said) = operator(qw(outbox dead --json));
    my $id = json($said)->{id};
    is((operator('outbox', 'drop', $id, @key))[0], 0, 'one is dropped');
    is((operator('outbox', 'drop', $id, @key))[0], 1, 'once');
    is(outbox('dead'), 0, 'and gone');
    kill 'TERM', $one;
    is(ended($one), 0, 'ended');

    my @traced = map { json({ @{ $_->[1] } }->{b}) }
        map { @{ redis('XRANGE', $_, '-', '+') } } Notify::keys_of('trace');
    is_deeply([map { "$_->{command} $_->{phase}" . ($_->{phase} eq 'end'
        ? " $_->{added} $_->{removed}" : '') } sort { $a->{time} cmp $b->{time} }
        grep { $_->{kind} eq 'admin' } @traced],
        ['outbox requeue begin', 'outbox requeue end 2 0', 'outbox requeue begin',
         'outbox requeue end 2 0', 'outbox drop begin', 'outbox drop end 0 1'], 'all is traced');
    ($rc, $said) = Notify::dmpctl('audit', 'verify', '--audit-public-key', dir() . '/audit.pub',
        Notify::store_args('reader'));
    is($rc, 0, 'and the trace is whole') or diag $said;
};


# Killed while a peer keeps it waiting: what then starts goes on.
subtest 'killed at any point' => sub {
    for my $at ('connect', 'mail', 'rcpt', 'data', 'text') {
        peers(smtp => 'down');
        mark(smtp => "stall $at");
        my ($bucket, $id) = message('email', $Jeanne, '400001');
        notice(2);
        my $one = notifyd('killed');
        wait_for { since('smtp', $at) == 1 } "it waits at $at";
        kill_hard($one);
        is(outbox(), 2, "$at: both are still there");
        peers(smtp => 'ok');
        my $two = notifyd('killed');
        empty();
        kill 'TERM', $two;
        is(ended($two), 0, 'ended');
        my @ids = map { mail_of($_->{text})->{'message-id'} } since('mail');
        my %ids = map { ($_ => 1) } @ids;
        is(scalar keys %ids, 2, 'both came');
        cmp_ok(scalar @ids, '<=', $at eq 'text' ? 3 : 2, 'one at most twice');
        is(scalar(grep { $_ eq sprintf '<dmp-%02d-%s@example.org>', $bucket, $id } @ids),
            $at eq 'text' ? 2 : 1, 'the one in the air');
    }

    # taken by the provider, which has not answered; and with the store not
    # told yet, since it may not be told
    for my $at ('stall', 'ok') {
        mark(sms => $at);
        redis('ACL', 'SETUSER', 'notifier', '-multi') if $at eq 'ok';
        message('sms', $Phone, '400002');
        my $one = notifyd('killed');
        wait_for { since('sms') == 1 } 'it was sent';
        wait_for { log_of('killed') =~ /NOPERM/ } 'the store says no' if $at eq 'ok';
        kill_hard($one);
        is(outbox(), 1, 'it is still there');
        is(scalar since('sms'), 1, 'and was sent once');
        redis('ACL', 'SETUSER', 'notifier', '+multi');
        peers(sms => 'ok');
        my $two = notifyd('killed');
        empty();
        kill 'TERM', $two;
        is(ended($two), 0, 'ended');
        my @ids = map { $_->{headers}{'idempotency-key'} } since('sms');
        is(scalar @ids, 2, 'sent once more');
        is($ids[0], $ids[1], 'under the same id');
    }

    # the connection is lost meanwhile: the store is told by another one
    mark(sms => 'stall');
    message('sms', $Phone, '400003');
    my $one = notifyd('lost');
    wait_for { since('sms') == 1 } 'it is in the air';
    redis('CLIENT', 'KILL', 'USER', 'notifier');
    peers(sms => 'ok');
    empty();
    like(log_of('lost'), qr/^dmp-notifyd: store: /m, 'that was seen');
    is(scalar since('sms'), 1, 'a lost connection: sent once');
    kill 'TERM', $one;
    is(ended($one), 0, 'ended');
};


subtest 'several share the work' => sub {
    mark(sms => 'stall');
    my @two = map { notifyd($_) } qw(left right);
    wait_for { -e dir() . '/left.prom' && -e dir() . '/right.prom' } 'both';
    notice(1) for 1 .. 30;
    wait_for { since('sms') == 2 } 'one in the air, of each';
    is(scalar(keys %{ { map { ($_->{headers}{'idempotency-key'} => 1) } since('sms') } }), 2,
        'not the same one');
    peers(sms => 'ok');
    empty();
    kill 'TERM', $_ for @two;
    is(ended($_), 0, 'ended') for @two;
    my @ids = map { $_->{headers}{'idempotency-key'} } since('sms');
    is(scalar @ids, 30, 'each was sent');
    is(scalar(keys %{ { map { ($_ => 1) } @ids } }), 30, 'once');
    my @sent = map { written($_) =~ /kind="first-access",channel="sms",result="sent"\} (\d+)/ }
        qw(left right);
    is(scalar(grep { $_ > 0 } @sent), 2, "by both: @sent");

    # what one leaves, another takes over
    mark(sms => 'stall');
    my $quick = sub { @{ $_[0] }{qw(takeover_ms)} = (1000); $_[0]{$_}{timeout_ms} = 500 for qw(sms smtp) };
    my $one = notifyd('left', conf('left', sub { $_[0]{sms}{timeout_ms} = 10000 }));
    message('sms', $Phone, '500001');
    wait_for { since('sms') == 1 } 'in the air';
    kill_hard($one);
    peers(sms => 'ok');
    my $other = notifyd('right', conf('right', $quick));
    empty();
    my @again = map { $_->{headers}{'idempotency-key'} } since('sms');
    is("@again", "$again[0] $again[0]", 'sent by the other, under the same id');
    kill 'TERM', $other;
    is(ended($other), 0, 'ended');
    like(written('right'), qr/^dmp_notify_taken_over_total 1$/m, 'which counts it');
};


subtest 'signals, and the service manager' => sub {
    my $path = dir() . '/manager';
    my $manager = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path) or die $!;
    my $said = sub { $manager->recv(my $text, 100); $text };
    $SIG{ALRM} = sub { die "the service manager waits in vain\n" };
    alarm 60;

    Notify::stop_store();
    mark(sms => 'ok');
    my $one = notifyd('service', undef, socket => $path);
    wait_for { log_of('service') =~ /store/ } 'it waits for the store';
    my $bits = '';
    vec($bits, fileno $manager, 1) = 1;
    is(select($bits, undef, undef, 0), 0, 'not ready without the store');
    Notify::start_store();
    operator('init');
    is($said->(), 'READY=1', 'ready when it answers');
    record(1, { email => $Jeanne, phone => $Phone, prefer => 'sms' });
    record(2, { email => 'marc@example.org' });
    empty();
    mark();

    my $conf = dir() . '/service.json';
    my $right = slurp($conf);
    Notify::write_file('service.json', $right =~ s/"place"/"plaice"/r);
    kill 'HUP', $one;
    is($said->() . ' ' . $said->(), 'RELOADING=1 READY=1', 'asked to read it again');
    like(log_of('service'), qr/service\.json: unknown member "plaice"/, 'what is wrong is named');
    message('sms', $Phone, '600001');
    empty();
    is(scalar since('sms'), 1, 'and the one before is in force');
    Notify::write_file('service.json', $right =~ s/dmp\.example\.org/other.example.org/r);
    kill 'HUP', $one;
    is($said->() . ' ' . $said->(), 'RELOADING=1 READY=1', 'asked again');
    mark();
    notice(1);
    empty();
    like(text_of((since('sms'))[0]), qr/other\.example\.org$/, 'the new one is');

    # the message in the air is finished, and no other begun
    mark(sms => 'stall');
    message('sms', $Phone, '600002');
    wait_for { since('sms') == 1 } 'in the air';
    message('sms', $Phone, '600003');
    kill 'TERM', $one;
    peers(sms => 'ok');
    is(ended($one), 0, 'ends');
    is($said->(), 'STOPPING=1', 'says so');
    is(scalar since('sms'), 1, 'after the one in the air');
    is(outbox(), 1, 'which is done; the other waits');
    my $two = notifyd('next');
    empty();
    kill 'TERM', $two;
    is(ended($two), 0, 'ended');
    alarm 0;
};


subtest 'what makes no sense is kept for somebody to look at' => sub {
    mark(sms => 'ok', smtp => 'ok');
    my $p = pseudonym(1);
    my ($bucket) = put($p, 'code', channel => 'pigeon', to => 'x', code => '1', for => 'sign-in',
        until => 9e15);
    put($p, 'code', channel => 'sms', to => "06\r\nX", code => '1', for => 'sign-in', until => 9000000000000);
    put($p, 'code', channel => 'email', to => 'a@b> SIZE=1', code => '1', for => 'sign-in',
        until => 9000000000000);
    put($p, 'code', channel => 'sms', to => $Phone, code => '1', for => 'sign-in', until => 0);
    put($p, 'code', channel => 'sms', to => $Phone, code => '1', for => 'fun', until => 9000000000000);
    put($p, 'strange');
    my $key = sprintf '{dmp:%02d}:outbox', $bucket;
    redis('XADD', $key, '*', k => 'code', p => $p);
    redis('XADD', $key, '*', k => 'first-access', p => 'nobody');

    # sealed for somebody else in that bucket
    my $other = (grep { my ($b) = $_ ne $p ? put($_, 'nothing') : -1; $b == $bucket }
        map { pseudonym($_) } 100 .. 400)[0];
    redis('DEL', $_) for grep { $_ ne $key } Notify::keys_of('outbox');
    my ($last) = reverse @{ redis('XRANGE', $key, '-', '+') };
    my ($b, $id) = message('sms', $Phone, '700001', p => $other);
    my %f = @{ redis('XRANGE', $key, $id, $id)->[0][1] };
    redis('XDEL', $key, $id);
    redis('XADD', $key, '*', k => 'code', p => $p, s => $f{s});

    my $one = notifyd('sense');
    empty();
    is(scalar since('sms') + since('mail'), 0, 'nothing was sent');
    my ($rc, $said) = operator(qw(outbox dead --json));
    my %why;
    $why{ json($_)->{why} }++ for split /\n/, $said;
    is_deeply([sort keys %why], ['a code without an end', 'nothing is sealed in it',
        'of a kind unknown to this version', 'of nobody in this bucket',
        'sealed for somebody else', 'the address is none', 'what is sealed is not complete'],
        'each is told apart');
    kill 'TERM', $one;
    is(ended($one), 0, 'ended');
    redis('DEL', $_) for Notify::keys_of('dead');

    # a key that we have not: it may still come
    Notify::write_file('other.key', 'ab' x 32);
    my $two = notifyd('keyless', conf('keyless', sub { $_[0]{record_keys} = [dir() . '/other.key'] }));
    mark();
    message('sms', $Phone, '700002');
    wait_for { log_of('keyless') =~ /try 2: does not open/ } 'it tries';
    is(outbox('dead'), 0, 'it is not dead');
    conf('keyless');
    kill 'HUP', $two;
    empty();
    is(scalar since('sms'), 1, 'with the key it is sent');
    kill 'TERM', $two;
    is(ended($two), 0, 'ended');
};


subtest 'OpenSMTPD' => sub {
    my ($port, $why) = post_office();
    plan skip_all => $why if !$port;

    my $change = sub { my ($c) = @_;
        $c->{smtp}{port} = $port;
        delete @{ $c->{smtp} }{qw(user password_file)} };
    my $one = notifyd('office', conf('office', $change));
    my ($bucket, $id) = message('email', $Jeanne, '800001');
    notice(2);
    empty();
    wait_for { maildir() == 2 } 'two mails in the box';
    my ($code) = grep { $_->{text} =~ /800001/ } map { mail_of($_) } maildir();
    is($code->{'message-id'}, sprintf('<dmp-%02d-%s@example.org>', $bucket, $id), 'its id');
    like($code->{text}, qr/à votre dossier médical partagé est :\n\n    800001\n/, 'its text');
    my ($notice) = grep { $_->{text} !~ /800001/ } map { mail_of($_) } maildir();
    is($notice->{subject}, "Premier accès d'un professionnel à votre dossier", 'a long subject');

    # it says no to whom it does not know
    my $dead = outbox('dead');
    message('email', 'nobody@example.net', '800002');
    empty();
    is(outbox('dead'), $dead + 1, 'a dead letter');
    my ($rc, $said) = operator(qw(outbox dead));
    like($said, qr/1 tries: smtp 550 at RCPT$/m, 'of its 550');

    # it goes, and comes back
    post_office('stop');
    message('email', $Jeanne, '800003');
    wait_for { log_of('office') =~ /code by email: try 2/ } 'two tries';
    post_office();
    empty();
    wait_for { grep { /800003/ } maildir() } 'the mail in the box';
    is(scalar(grep { /800003/ } maildir()), 1, 'once');
    kill 'TERM', $one;
    is(ended($one), 0, 'ended');
};


subtest 'the configuration is looked at whole' => sub {
    my $check = sub {
        my $file = conf('check', @_);
        my $said = `build/dmp-notifyd --check $file 2>&1`;
        return ($? >> 8) . " $said";
    };

    is($check->(), "0 ", 'right');
    like($check->(sub { $_[0]{sms}{url} = 'http://sms.example.org/' }),
        qr/^1 dmp-notifyd: \S+check\.json: "sms\.url": codes and passwords go by TLS/, 'no TLS');
    like($check->(sub { $_[0]{smtp}{tls} = 'none' }), qr/^1 .*"smtp\.tls": codes/, 'nor here');
    like($check->(sub { $_[0]{record_keys} = ['/nowhere'] }), qr{^3 .*/nowhere: No such file}, 'no key');
    mkdir dir() . '/texts';
    system('cp conf/notices/*.txt ' . dir() . '/texts') == 0 or die;
    my $texts = sub { $_[0]{templates} = dir() . '/texts' };
    Notify::write_file('texts/first-access.txt', "Sujet\n\nVu par\n{who}.\n");
    like($check->($texts), qr{^1 .*/first-access\.txt: line 4: "\{who\}" is no placeholder}, 'a text');
    Notify::write_file('texts/first-access.txt', "Sujet\n\n{code}\n");
    like($check->($texts), qr{line 3: "\{code\}" must not stand here}, 'a code where none belongs');
    Notify::write_file('texts/first-access.txt', "Sujet\n\nVu.\n");
    Notify::write_file('texts/code-sign-in.txt', "{code}\n\nVoici.\n");
    like($check->($texts), qr{line 1: "\{code\}" must not stand here}, 'nor in a subject');
    Notify::write_file('texts/code-sign-in.txt', "Sujet\n\nVoici.\n");
    like($check->($texts), qr{code-sign-in\.txt: has no \{code\}}, 'a code text without one');
    system('cp conf/notices/*.txt ' . dir() . '/texts') == 0 or die;
    Notify::write_file('texts/first-access.sms.txt', 'x' x 161 . "\n");
    like($check->($texts), qr{^0 .*first-access\.sms\.txt: note: 161 characters}, 'too long for one');
    Notify::write_file('texts/first-access.sms.txt', "Accès ô\n");
    like($check->($texts), qr{^0 .*note: has characters that an SMS has not}, 'not for one');
    like(`build/dmp-notifyd 2>&1` . ($? >> 8), qr/usage.*2$/s, 'no file');
};


# Nobody's words are in any log.
for my $log (grep { !/smtpd|redis|peers|openssl/ } glob dir() . '/*.log') {
    my $text = slurp($log);
    (my $name = $log) =~ s{.*/}{};

    unlike($text, qr/\b\w+\@example|(?<!\d)[1-8]0000[1-4](?!\d)|12345678|285037512|MARTINOT|secret/,
        "$name names nobody");
}

done_testing;

END { Notify::keep() if $? }
