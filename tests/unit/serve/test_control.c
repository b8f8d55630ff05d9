/* A command waits for the store, and much may change meanwhile. */
#include "home.h"
#include "io/fiber.h"
#include "serve/control.h"
#include "serve/registry.h"

#include <string.h>

static struct text answer;
static const char *command;

static void run(void *arg)
{
    struct control control = {.house = t->house};
    struct clerk_rights rights = {.admin = true, .person = SPAN("kim")};

    (void)arg;
    control_run(&control, span_of(command), &rights, &answer);
    loop_stop(t->loop);
}

/* As a reload does: the old settings are gone at once. */
static void reload(void *arg)
{
    struct config *old = t->config;
    struct config_notes notes = {0};
    char conf[300];

    (void)arg;
    snprintf(conf, sizeof conf,
             "hostname = \"mail.here.example\"\n"
             "domains = { \"here.example\", \"also.example\" }\n"
             "store { path = \"%s\" }\n",
             t->path);
    assert_int_equal(config_parse(span_of(conf), "conf", &notes, &t->config), 0);
    config_notes_free(&notes);
    house_configure(t->house, t->config);
    config_free(&old);
}

static const char *tell(const char *json)
{
    text_free(&answer);
    answer = (struct text)TEXT_INIT(65536);
    command = json;
    fiber_start(t->loop, run, NULL);
    loop_later(t->loop, reload, NULL);
    loop_run(t->loop);
    return text_cstr(&answer);
}

static void a_reload_amid_commands(void **state)
{
    static const char *const commands[] = {
        "{\"command\":\"host add\",\"name\":\"acme\",\"quota\":\"1G\"}",
        "{\"command\":\"host add\",\"name\":\"other\"}",
        "{\"command\":\"domain add\",\"name\":\"new.example\",\"host\":\"acme\"}",
        "{\"command\":\"account add\",\"name\":\"ann@new.example\",\"password\":\"secret\"}",
        "{\"command\":\"domain set\",\"name\":\"new.example\",\"catch_all\":\"ann@new.example\"}",
        "{\"command\":\"domain set\",\"name\":\"new.example\",\"host\":\"other\"}",
        "{\"command\":\"host set\",\"name\":\"other\",\"quota\":\"1K\"}",
        "{\"command\":\"account set\",\"name\":\"ann@new.example\",\"quota\":\"1K\"}",
        ("{\"command\":\"alias add\",\"address\":\"all@new.example\","
         "\"targets\":[\"ann@new.example\"]}"),
        "{\"command\":\"domain rotate\",\"name\":\"new.example\"}",
        "{\"command\":\"quota show\",\"name\":\"other\"}",
        "{\"command\":\"quota recount\",\"all\":true}",
        "{\"command\":\"account rm\",\"name\":\"ann@new.example\"}",
        "{\"command\":\"alias rm\",\"address\":\"all@new.example\"}",
        "{\"command\":\"domain rm\",\"name\":\"new.example\"}",
        "{\"command\":\"host rm\",\"name\":\"other\"}",
    };

    (void)state;
    t = home_new();
    for (size_t i = 0; i < COUNT(commands); i++) {
        const char *said = tell(commands[i]);

        if (!strstr(said, "\"ok\":true"))
            fail_msg("%s\n%s", commands[i], said);
    }
    text_free(&answer);
    home_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_reload_amid_commands)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
