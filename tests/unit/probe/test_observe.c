/* What is seen of servers that are played here, on 127.0.0.1, each at a free port. */
#include "probe/observe_parts.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { ANSWERS_MAX = 4, TIMEOUT_MS = 4000, PLAYERS_MAX = 16 };

/* A server: what it says at once, and to which first words what; says NULL: nothing. */
struct scene {
    const char *name, *greeting;
    bool hangs_up;
    struct {
        const char *verb, *says;
    } answers[ANSWERS_MAX];
    /* what must be seen */
    enum findings_talk talk;
    enum findings_mode mode;
    const char *host, *auth, *said; /* NULL: not looked at */
    unsigned code;
    bool masked, starttls_refused;
};

static const struct scene scenes[] = {
    {.name = "speaks",
     .greeting = "220 mail.test ESMTP\r\n",
     .answers = {{"EHLO", "250-mail.test\r\n250 AUTH PLAIN LOGIN\r\n"}},
     .talk = TALK_SMTP,
     .mode = MODE_PLAIN,
     .host = "mail.test",
     .auth = "PLAIN LOGIN"},
    {.name = "offers STARTTLS and has none",
     .greeting = "220 mail.test ESMTP\r\n",
     .answers = {{"EHLO", "250-mail.test\r\n250 STARTTLS\r\n"},
                 {"STARTTLS", "454 4.7.0 not now\r\n"}},
     .talk = TALK_SMTP,
     .mode = MODE_STARTTLS,
     .code = 454,
     .starttls_refused = true},
    {.name = "turns away", .greeting = "554 5.7.1 go away\r\n", .talk = TALK_REFUSED, .code = 554},
    {.name = "masked",
     .greeting = "220 ********************\r\n",
     .answers = {{"EHLO", "250-mail.test\r\n250 XXXXXXXA\r\n"}},
     .talk = TALK_SMTP,
     .mode = MODE_PLAIN,
     .masked = true},
    {.name = "mute", .talk = TALK_SILENT},
    {.name = "hangs up", .hangs_up = true, .talk = TALK_LOST},
    {.name = "web",
     .answers = {{"HEAD", "HTTP/1.0 400 Bad Request\r\n\r\n"}},
     .talk = TALK_FOREIGN,
     .said = "HTTP/1.0 400"},
    {.name = "ssh", .greeting = "SSH-2.0-OpenSSH_9.2\r\n", .talk = TALK_FOREIGN, .said = "SSH-2.0"},
    {.name = "means harm",
     .greeting = "554 5.7.1 \x1b]0;x\x07red\r\n",
     .talk = TALK_REFUSED,
     .code = 554},
};

struct play {
    const struct scene *scene;
    int listening;
    pthread_t thread;
    pthread_t player[PLAYERS_MAX];
    size_t players;
};

struct player {
    const struct scene *scene;
    int fd;
};

static void say(int fd, const char *words)
{
    if (words && send(fd, words, strlen(words), MSG_NOSIGNAL) < 0)
        return;
}

/* One connection, until the other side ends it. */
static void *player_run(void *arg)
{
    struct player p = *(struct player *)arg;
    char heard[1024];
    ssize_t n;

    free(arg);
    say(p.fd, p.scene->greeting);
    while (!p.scene->hangs_up && (n = recv(p.fd, heard, sizeof heard - 1, 0)) > 0) {
        heard[n] = '\0';
        for (size_t i = 0; i < ANSWERS_MAX && p.scene->answers[i].verb; i++)
            if (strncmp(heard, p.scene->answers[i].verb, strlen(p.scene->answers[i].verb)) == 0)
                say(p.fd, p.scene->answers[i].says);
    }
    close(p.fd);
    return NULL;
}

static void *listen_run(void *arg)
{
    struct play *s = arg;
    int fd;

    while (s->players < PLAYERS_MAX && (fd = accept(s->listening, NULL, NULL)) >= 0) {
        struct player *p = memory_alloc(sizeof *p);

        *p = (struct player){s->scene, fd};
        if (pthread_create(&s->player[s->players], NULL, player_run, p) != 0)
            abort();
        s->players++;
    }
    return NULL;
}

/* A port of 127.0.0.1, with or without somebody at it. */
static unsigned take_port(int *fd)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t n = sizeof at;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&at, &n), 0);
    return ntohs(at.sin_port);
}

static void look(unsigned port, struct findings *f)
{
    struct loop *l = loop_new();
    struct error e = {0};
    struct observe_settings s = {.host = "127.0.0.1",
                                 .port = port,
                                 .resolv_conf = "/dev/null",
                                 .root = "/nonexistent",
                                 .timeout = TIMEOUT_MS,
                                 .tls = tls_client_new(NULL, &e)};

    assert_non_null(s.tls);
    assert_int_equal(observe_run(l, &s, f, &e), 0);
    tls_context_free(&s.tls);
    loop_free(&l);
}

static const struct findings_door *door_at(const struct findings *f, unsigned port)
{
    const struct findings_door *d = findings_find(f, WHO_SERVER, port, AF_INET);

    assert_non_null(d);
    return d;
}

static void expect(const struct scene *s, const struct findings_door *d)
{
    assert_int_equal(d->state, DOOR_OPEN);
    assert_int_equal(d->talk, s->talk);
    assert_int_equal(d->mode, s->mode);
    assert_int_equal(d->reply.code, s->code);
    assert_int_equal(d->masked, s->masked);
    assert_int_equal(d->starttls_refused, s->starttls_refused);
    if (s->host)
        assert_string_equal(d->name, s->host);
    if (s->auth)
        assert_string_equal(findings_auth(d), s->auth);
    if (s->said && strncmp(d->greeting, s->said, strlen(s->said)) != 0)
        fail_msg("%s: it said '%s'", s->name, d->greeting);
    for (const char *c = d->reply.text; *c; c++)
        assert_true((unsigned char)*c >= ' ' || *c == '\n');
}

static void servers_are_seen_as_they_are(void **state)
{
    static struct findings f;

    (void)state;
    for (size_t i = 0; i < COUNT(scenes); i++) {
        struct play play = {.scene = &scenes[i]};
        unsigned port = take_port(&play.listening);

        print_message("%s", scenes[i].name);
        assert_int_equal(listen(play.listening, 16), 0);
        assert_int_equal(pthread_create(&play.thread, NULL, listen_run, &play), 0);
        look(port, &f);
        print_message(": %lld ms\n", (long long)f.elapsed_ms);
        shutdown(play.listening, SHUT_RDWR); /* ends accept() */
        pthread_join(play.thread, NULL);
        close(play.listening);
        for (size_t j = 0; j < play.players; j++)
            pthread_join(play.player[j], NULL);
        expect(&scenes[i], door_at(&f, port));
        assert_false(f.uneven || f.limited);
    }
}

static void nobody_there_is_a_refusal(void **state)
{
    static struct findings f;
    const struct findings_door *d;
    unsigned port;
    int fd;

    (void)state;
    port = take_port(&fd); /* ours, and nobody listens */
    look(port, &f);
    close(fd);
    d = door_at(&f, port);
    assert_int_equal(d->state, DOOR_REFUSED);
    assert_int_equal(d->talk, TALK_NONE);
    assert_true(findings_shut(d));
    assert_true(f.host_is_address);
}

static void write_file(const char *root, const char *path, const char *words)
{
    char whole[300];
    FILE *f;

    snprintf(whole, sizeof whole, "%s/%s", root, path);
    for (char *c = whole + strlen(root) + 1; *c; c++)
        if (*c == '/') {
            *c = '\0';
            mkdir(whole, 0700);
            *c = '/';
        }
    f = fopen(whole, "we");
    assert_non_null(f);
    fputs(words, f);
    fclose(f);
}

static void forget(const char *root)
{
    static const char *const paths[] = {"sys/class/dmi/id/sys_vendor",
                                        "sys/class/dmi/id",
                                        "sys/class/dmi",
                                        "sys/class/net/eth0/device",
                                        "sys/class/net/eth0",
                                        "sys/class/net",
                                        "sys/class",
                                        "sys",
                                        "proc/net/route",
                                        "proc/net",
                                        "proc",
                                        ""};
    char whole[300];

    for (size_t i = 0; i < COUNT(paths); i++) {
        snprintf(whole, sizeof whole, "%s/%s", root, paths[i]);
        remove(whole);
    }
}

/* The label counts only on the machine's own network card: in a container it is the host's. */
static void hosting_company_by_the_label(void **state)
{
    static struct findings f;
    char root[] = "/tmp/test-observe-XXXXXX";
    struct observe_settings s = {.root = root};
    struct observe o = {.s = &s, .f = &f};

    (void)state;
    assert_non_null(mkdtemp(root));
    write_file(root, "sys/class/dmi/id/sys_vendor", "Hetzner\n");
    write_file(root, "proc/net/route",
               "Iface\tDestination\tGateway\neth0\t00000000\t0102A8C0\t0003\n");
    observe_cloud(&o);
    assert_string_equal(f.cloud, "");
    write_file(root, "sys/class/net/eth0/device", "");
    observe_cloud(&o);
    assert_string_equal(f.cloud, "Hetzner Cloud");
    forget(root);
}

static void addresses_are_told_from_names(void **state)
{
    static const struct {
        const char *text;
        bool address;
        int family;
    } rows[] = {{"192.0.2.1", true, AF_INET},
                {"2001:db8::1", true, AF_INET6},
                {"192.0.2", false, 0},
                {"mail.example", false, 0},
                {"", false, 0}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct findings_dns n = {0};

        assert_int_equal(observe_literal(rows[i].text, &n), rows[i].address);
        if (rows[i].address)
            assert_int_equal(n.address[0].ss_family, rows[i].family);
    }
}

static void words_are_cut_between_characters(void **state)
{
    char out[8], longer[20];

    (void)state;
    observe_text(out, sizeof out,
                 SPAN("abc\xc3\xa4"
                      "efg"));
    assert_string_equal(out, "abc...");
    observe_text(longer, sizeof longer, SPAN("one two three four five"));
    assert_string_equal(longer, "one two three...");
    observe_text(longer, sizeof longer, SPAN("ask your provider f"));
    assert_string_equal(longer, "ask your provider f");
    observe_text(out, sizeof out, SPAN("abcde\xc3\xa4"));
    assert_string_equal(out, "abcde\xc3\xa4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_are_seen_as_they_are),
        cmocka_unit_test(nobody_there_is_a_refusal),
        cmocka_unit_test(hosting_company_by_the_label),
        cmocka_unit_test(addresses_are_told_from_names),
        cmocka_unit_test(words_are_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
