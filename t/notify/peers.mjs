/*
 * peers.mjs CONTROL SMTP SMS TLS RELAY KEY CERT: what dmp-notifyd delivers to,
 * as it can be: a mail server and a provider of SMS that do what they are
 * told, and TLS in front of a mail server that has none.
 *
 * A line of JSON on the port CONTROL sets what they do ("smtp", "sms") and is
 * answered by all that they have seen so far, one line.
 *
 *   smtp   "ok", "down", "stall PHASE", "cut PHASE", "PHASE 550 why", "auth"
 *          (only who signs in, after STARTTLS); PHASE: connect, mail, rcpt,
 *          data, text
 *   sms    "ok", "down", "stall", "STATUS", "STATUS SECONDS" (Retry-After)
 */

import { createServer as createHttp } from 'node:http';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';

const [control, smtpPort, smsPort, tlsPort, relayPort] = process.argv.slice(2).map(Number);
const secureContext = createSecureContext({
  key: readFileSync(process.argv[7]), cert: readFileSync(process.argv[8]),
});
const does = { smtp: 'ok', sms: 'ok' };
const seen = [];
const open = { smtp: new Set(), sms: new Set() };
const see = (event) => seen.push({ n: seen.length, ...event });

function sockets(kind, socket) {
  open[kind].add(socket);
  socket.on('close', () => open[kind].delete(socket));
  socket.on('error', () => socket.destroy());
}

const secured = (socket) => new TLSSocket(socket, { isServer: true, secureContext });

/* Calls with each line that a peer sends, until it is told to stop. */
function lines(socket, take) {
  let rest = '';
  const read = (data) => {
    rest += data.toString('latin1');
    for (let at = rest.indexOf('\r\n'); at >= 0; at = rest.indexOf('\r\n')) {
      const line = rest.slice(0, at);
      rest = rest.slice(at + 2);
      take(line);
    }
  };
  socket.on('data', read);
  return () => socket.off('data', read);
}

/* One mail session: a phase is answered as it was said, or stalls, or cuts. */
class Session {
  constructor(socket) {
    this.tls = false;
    this.user = null;
    this.attach(socket);
    this.answer('connect', '220 peer ESMTP');
  }

  attach(socket) {
    this.socket = socket;
    this.expects = null;
    socket.on('error', () => socket.destroy());
    this.detach = lines(socket, (line) => this.line(line));
  }

  answer(phase, text) {
    const [what, ...more] = does.smtp.split(' ');

    see({ what: 'smtp', phase, does: does.smtp });
    if (what === 'stall' && more[0] === phase) {
      return this.stalled = text;
    }
    if (what === 'cut' && more[0] === phase) {
      return this.socket.destroy();
    }
    this.socket.write(`${what === phase ? more.join(' ') : text}\r\n`);
    return what !== phase;
  }

  line(line) {
    if (this.expects) {
      return this.expects(line);
    }
    const verb = line.split(' ')[0].toUpperCase();
    const handler = this[`on${verb}`];
    return handler ? handler.call(this, line) : this.socket.write('502 5.5.1 what?\r\n');
  }

  onEHLO() {
    const can = ['peer', ...this.tls ? ['AUTH CRAM-MD5 PLAIN LOGIN'] : ['STARTTLS'], '8BITMIME'];
    this.socket.write(can.map((c, i) => `250${i + 1 < can.length ? '-' : ' '}${c}\r\n`).join(''));
  }

  onSTARTTLS() {
    this.socket.write('220 go\r\n');
    this.detach();
    this.tls = true;
    this.attach(secured(this.socket));
  }

  onAUTH(line) {
    const [, how, initial] = line.split(' ');
    const text = (word) => Buffer.from(word, 'base64').toString();
    const done = (user, password) => {
      this.expects = null;
      see({ what: 'auth', how, user, tls: this.tls });
      const right = this.tls && user === 'notifyd' && password === 'a secret';
      this.user = right ? user : null;
      this.socket.write(right ? '235 2.7.0 yes\r\n' : '535 5.7.8 no\r\n');
    };
    const plain = (word) => done(...text(word).split('\0').slice(1));
    const login = (word) => {
      this.socket.write('334 UGFzc3dvcmQ6\r\n');
      this.expects = (password) => done(text(word), text(password));
    };
    const take = how === 'PLAIN' ? plain : login;

    if (initial !== undefined) {
      return take(initial);
    }
    this.socket.write(how === 'PLAIN' ? '334 \r\n' : '334 VXNlcm5hbWU6\r\n');
    this.expects = take;
  }

  onMAIL() {
    if (does.smtp === 'auth' && !this.user) {
      return this.socket.write('530 5.7.0 who are you?\r\n');
    }
    this.answer('mail', '250 2.1.0 ok');
  }

  onRCPT(line) {
    this.to = line.replace(/^.*<(.*)>.*$/, '$1');
    this.answer('rcpt', '250 2.1.5 ok');
  }

  onDATA() {
    const text = [];

    if (this.answer('data', '354 go on') !== true) {
      return;
    }
    this.expects = (line) => {
      if (line !== '.') {
        return text.push(line.replace(/^\./, ''));
      }
      this.expects = null;
      see({ what: 'mail', to: this.to, tls: this.tls, text: text.join('\n') });
      this.answer('text', '250 2.0.0 taken');
    };
  }

  onRSET() { this.socket.write('250 ok\r\n'); }

  onQUIT() { this.socket.end('221 bye\r\n'); }
}

const sessions = new Set();
const smtp = createServer((socket) => {
  sockets('smtp', socket);
  const session = new Session(socket);
  sessions.add(session);
  socket.on('close', () => sessions.delete(session));
});

/* What was held back, once it is told to go on. */
function release() {
  for (const session of sessions) {
    if (session.stalled && !does.smtp.startsWith('stall')) {
      session.socket.write(`${session.stalled}\r\n`);
      session.stalled = null;
    }
  }
  for (const answer of held.splice(0)) {
    answer();
  }
}

const held = [];
const sms = createHttp((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const [what, after] = does.sms.split(' ');
    const status = what === 'ok' || what === 'stall' ? 200 : Number(what);
    const answer = () => {
      response.writeHead(status, after ? { 'Retry-After': after } : {});
      response.end('{}');
    };

    see({ what: 'sms', does: does.sms, headers: request.headers, body: Buffer.concat(parts).toString() });
    if (what === 'stall') {
      held.push(answer);
    } else {
      answer();
    }
  });
});
sms.on('connection', (socket) => sockets('sms', socket));

/* "Down" means that nobody listens, and whoever was connected is not. */
async function apply(kind, server, port, value) {
  does[kind] = value;
  if (value === 'down' && server.listening) {
    const closed = new Promise((resolve) => { server.close(resolve); });
    open[kind].forEach((socket) => socket.destroy());
    await closed;
  } else if (value !== 'down' && !server.listening) {
    await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  }
}

createServer((socket) => {
  lines(socket, async (line) => {
    const { smtp: mail, sms: text } = JSON.parse(line);
    if (mail) {
      await apply('smtp', smtp, smtpPort, mail);
    }
    if (text) {
      await apply('sms', sms, smsPort, text);
    }
    if (mail || text) {
      release();
    }
    socket.write(`${JSON.stringify(seen)}\r\n`);
  });
  socket.on('error', () => socket.destroy());
}).listen(control, '127.0.0.1');

/* STARTTLS, and then the mail server's own words, from the next EHLO on. */
createServer((client) => {
  sockets('smtp', client);
  client.write('220 front ESMTP\r\n');
  const detach = lines(client, (line) => {
    if (!/^STARTTLS$/i.test(line)) {
      return client.write(/^EHLO/i.test(line) ? '250-front\r\n250 STARTTLS\r\n' : '530 5.7.0 STARTTLS\r\n');
    }
    client.write('220 go\r\n');
    detach();
    const inner = secured(client);
    const server = connect(relayPort, '127.0.0.1');
    /* its greeting was ours */
    server.once('data', (greeting) => {
      see({ what: 'front', greeting: greeting.toString().trim() });
      inner.pipe(server);
      server.pipe(inner);
    });
    inner.on('error', () => server.destroy());
    server.on('error', () => inner.destroy());
  });
}).listen(tlsPort, '127.0.0.1');

smtp.listen(smtpPort, '127.0.0.1');
sms.listen(smsPort, '127.0.0.1');
