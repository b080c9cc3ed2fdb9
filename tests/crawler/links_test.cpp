#include "crawler/links.hpp"

#include "crawler/link_resolver.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <string>
#include <vector>

using crawler::links_of;
using crawler::PageLinks;
using Words = std::vector<std::string>;

namespace {

Words words_of(const PageLinks& page) {
    Words words;
    for (const auto& link : page.links) words.push_back(link.to);
    return words;
}

}  // namespace

TEST_SUITE_BEGIN("crawler/links");

TEST_CASE("what a head says") {
    const PageLinks page =
        links_of(R"(<base href="/dir/"><base href="/late/"><link rel="stylesheet" href="a.css">
        <link rel="alternate CANONICAL" href="real"><meta name=ROBOTS content="noindex, NoFollow">
        <meta name="our-bot" content="noarchive"><meta name="other" content="none">
        <meta http-equiv="refresh" content="3; URL='next.html'"><meta charset="koi8-r">)",
                 "our-bot");
    CHECK(page.base == "/dir/");
    CHECK(page.canonical == "real");
    CHECK(page.charset == "koi8-r");
    CHECK(words_of(page) == Words{"next.html"});
    CHECK(crawler::has_directive(page.robots, "noindex"));
    CHECK(crawler::has_directive(page.robots, "nofollow"));
    CHECK(crawler::has_directive(page.robots, "noarchive"));
    CHECK_FALSE(crawler::has_directive(page.robots, "none"));
    CHECK(crawler::has_directive("none", "noindex"));
    CHECK(links_of("<META HTTP-EQUIV='Content-Type' CONTENT='text/html; charset=Big5'>").charset == "Big5");
}

TEST_CASE("broken HTML") {
    CHECK(words_of(links_of("<a href=one><a href='two' href=three><a\nhref\n=\n\"four\"><a href=five")) ==
          Words{"one", "two", "four"});
    CHECK(words_of(links_of(
              "<!-- <a href=no> --><script>'<a href=no>'</scripty><a href=no></script ><a href=yes>")) ==
          Words{"yes"});
    CHECK(
        words_of(links_of("<<a href=a>< a href=no></a href=no><a/href=b><A HREF=\"c&amp;d&#x26;e&nope\">")) ==
        Words{"a", "b", "c&d&e&nope"});
    CHECK(words_of(links_of("<!--><a href=a><!---><a href=b><!--x--!><a href=c><!--x--!--><a href=d>"
                            "<!----!><a href=e><!-- -- > --!x <a href=no>---><a href=f><!--x--")) ==
          Words{"a", "b", "c", "d", "e", "f"});
    for (const char* cut :
         {"<", "<a", "<a href", "<a href=", "<a href='", "<!--", "<script", "</", "<a href=\"&#"}) {
        CHECK(links_of(cut).links.empty());
    }
}

TEST_CASE("what is text, whatever it looks like") {
    const auto words = [](const std::string& html) { return words_of(links_of(html)); };
    // A comment in a script hides another one.
    CHECK(words("<script><!-- <script></script> <a href=no> --></script><a href=a>"
                "<script><!-- <script></script> <a href=no> </script> <a href=b>--><script><!--</script><a "
                "href=c>"
                "<script><!--><script></script><a href=d>") == Words{"a", "b", "c", "d"});
    CHECK(
        words(
            "<style><!--</style><a href=a><title><!--</title/><a href=b><textarea><style></textarea>"
            "<a href=c><iframe src=d><a href=no></iframe><noscript><a href=e></noscript><noembed><a href=no>"
            "</noembed><plaintext><a href=no></plaintext><a href=no>") == Words{"a", "b", "c", "d", "e"});
    // HTML has no CDATA, and no element that closes itself.
    CHECK(words("<![CDATA[ <a href=no> > <a href=a> ]]><title/><a href=no></title><a href=b>") ==
          Words{"a", "b"});
}

TEST_CASE("in SVG and MathML, and in XHTML, the rules are XML's") {
    const auto words = [](const std::string& html) { return words_of(links_of(html)); };
    CHECK(words("<svg><style/><title/><a href=a></a><![CDATA[ > <a href=no> ]]></svg><a href=b>"
                "<math><![CDATA[ > <a href=no> ]]></math><svg/><![CDATA[ > <a href=c> ]]>") ==
          Words{"a", "b", "c"});
    CHECK(words("<a xlink:href=no><svg><a xlink:href=a><a xlink:href=no href=b></svg>") == Words{"a", "b"});

    const PageLinks page = links_of(R"(<?xml version="1.0"?><html><head><script src="x"/><title/></head>
        <p><![CDATA[ > <a href="no"> ]]><iframe src="a" /><a href="b"/></p></html>)",
                                    {},
                                    crawler::Syntax::xml);
    CHECK(words_of(page) == Words{"a", "b"});
}

TEST_CASE("what a template has is no part of the page, but for a shadow tree") {
    const PageLinks page = links_of(R"(<template><base href="/no/"><a href=no><template><a href=no></template>
        <a href=no><meta name=robots content=noindex></template></template><base href="/yes/"><a href=a>
        <div><template shadowrootmode=open><a href=b><template><a href=no></template></template></div><a href=c>)");
    CHECK(words_of(page) == Words{"a", "b", "c"});
    CHECK(page.base == "/yes/");
    CHECK(page.robots.empty());
}

TEST_CASE("character references") {
    const auto word = [](const std::string& written) {
        return words_of(links_of("<a href=\"" + written + "\">")).at(0);
    };
    CHECK(word("?a&amp;b&#38;c&#x26;d&AMP;e") == "?a&b&c&d&e");
    CHECK(word("?a=1&lt=2&copy=3&ampx=4&amp") == "?a=1&lt=2&copy=3&ampx=4&");
    CHECK(word("http&colon;&sol;&sol;h&quest;&lsqb;&Tab;") == "http://h?[\t");
    CHECK(word("&comma&colonx;&nothing;&;&") == "&comma&colonx;&nothing;&;&");
    CHECK(word("caf&eacute;&eacute.html") == "caf%C3%A9%C3%A9.html");
    CHECK(word("&Omega;&omega;&ndash;&euro;&yuml;") == "%CE%A9%CF%89%E2%80%93%E2%82%AC%C3%BF");
    CHECK(word("&#233;&#xE9&#128;&#x1F600;") == "%C3%A9%C3%A9%E2%82%AC%F0%9F%98%80");
    CHECK(word("&#0;&#xD800;&#99999999999;") == "%EF%BF%BD%EF%BF%BD%EF%BF%BD");
    CHECK(word("&#;&#x;&#-1;") == "&#;&#x;&#-1;");
}

TEST_CASE("a reference means the same in a page of any charset") {
    PageLinks page = links_of("<a href='\xe9&eacute;&#233;'>");
    crawler::recode(page, "iso-8859-1");
    CHECK(words_of(page) == Words{"\xc3\xa9%C3%A9%C3%A9"});
}

TEST_CASE("a page may be as hostile as it likes: it takes time by its length") {
    // What takes milliseconds takes minutes if each piece looks at all the rest.
    for (const std::string piece : {"<!--a--!>",
                                    "<!--a-->",
                                    "<!-",
                                    "<!--",
                                    "--!",
                                    "<a ",
                                    "<a href='",
                                    "<a href=&#",
                                    "<script>",
                                    "<script><!--",
                                    "<script><!-- </script>",
                                    "<svg><![CDATA[",
                                    "<template>",
                                    "<a href=&x>",
                                    "<a href=&#1",
                                    "</script",
                                    "<meta name=robots content=x>",
                                    "<meta http-equiv=refresh content='0;url=&amp;'>",
                                    "<loc>",
                                    "<loc ",
                                    "<loc><![CDATA["}) {
        CAPTURE(piece);
        std::string page;
        while (page.size() < 1 << 20) page += piece;
        page += "]]></loc>";
        const std::clock_t start = std::clock();
        (void)links_of(page);
        (void)crawler::links_of_sitemap(page);
        CHECK(std::clock() - start < 5 * CLOCKS_PER_SEC);
    }
}

TEST_CASE("a refresh") {
    const auto target = [](const std::string& content) {
        const auto words = words_of(links_of("<meta http-equiv=refresh content=\"" + content + "\">"));
        return words.empty() ? "none" : words[0];
    };
    CHECK(target("0;url=/next") == "/next");
    CHECK(target(" 0.5 , URL = 'a b' x") == "a b");
    CHECK(target("0; /next") == "/next");
    CHECK(target("0 'next") == "next");
    CHECK(target("0;urls.html") == "urls.html");
    CHECK(target("5") == "none");
    CHECK(target("/next") == "none");
}

TEST_CASE("nofollow belongs to a link") {
    const PageLinks page = links_of("<a rel='noopener NOFOLLOW' href=a><a rel=nofollowed href=b>");
    REQUIRE(page.links.size() == 2);
    CHECK(page.links[0].nofollow);
    CHECK_FALSE(page.links[1].nofollow);
}

TEST_CASE("links are recoded to UTF-8") {
    const auto recoded = [](const std::string& link, const std::string& charset) {
        PageLinks page{.links = {{link}}};
        crawler::recode(page, charset);
        return page.links[0].to;
    };
    CHECK(recoded("caf\xe9", "ISO-8859-1") == "caf\xc3\xa9");
    CHECK(recoded("\xc2\xc1", " \"koi8-r\" ") == "\xd0\xb1\xd0\xb0");
    CHECK(recoded("caf\xc3\xa9", "utf-8") == "caf\xc3\xa9");
    CHECK(recoded("caf\xe9", "shift_jis") == "caf\xe9");  // not of that charset
    CHECK(recoded("caf\xe9", "no-such") == "caf\xe9");    // nor of any
    CHECK(recoded("caf\xe9", "x//../y") == "caf\xe9");
}

TEST_CASE("a sitemap") {
    CHECK(words_of(crawler::links_of_sitemap(
              "<urlset><url><loc> http://h/a?b&amp;c </loc></url><url><loc>http://h/d"
              "</loc></url><loc>cut")) == Words{"http://h/a?b&c", "http://h/d"});
    CHECK(words_of(crawler::links_of_sitemap("<location>no</location><loc >a</loc ><loc\nx='y'>b</loc>"
                                             "<loc> <![CDATA[ c?d&e ]]> </loc><loc>no<loc>f</loc>"
                                             "<loc><![CDATA[cut")) == Words{"a", "b", "c?d&e", "f"});
}

TEST_CASE("a word is resolved once per directory, a query alone per page") {
    const crawler::Scope scope{{"http://host/"}, {}};
    crawler::LinkResolver resolver{scope};
    const auto fresh = [&](const std::string& page, std::vector<crawler::Link> links) {
        return resolver.resolve(page, {.links = std::move(links)}, {}).fresh;
    };
    CHECK(fresh("http://host/a", {{"x"}, {"x"}, {"http://away/"}, {"#top"}}) == Words{"http://host/x"});
    CHECK(fresh("http://host/b", {{"x"}, {"y"}}) == Words{"http://host/y"});
    CHECK(fresh("http://host/dir/b", {{"x"}}) == Words{"http://host/dir/x"});
    CHECK(fresh("http://host/a", {{"?q"}}) == Words{"http://host/a?q"});
    CHECK(fresh("http://host/b", {{"?q"}}) == Words{"http://host/b?q"});
    CHECK(fresh("http://host/a", {{"z", true}}).empty());
    CHECK(fresh("http://host/a", {{"z"}}) == Words{"http://host/z"});  // followed from where it may be
}

TEST_CASE("an empty link is the base") {
    const crawler::Scope scope{{"http://host/"}, {}};
    crawler::LinkResolver resolver{scope};
    const auto fresh = [&](const std::string& base, const std::string& link) {
        return resolver.resolve("http://host/a", {.base = base, .links = {{link}}}, {}).fresh;
    };
    CHECK(fresh("/b/start?x", "") == Words{"http://host/b/start?x"});
    CHECK(fresh("/b/", "#top") == Words{"http://host/b/"});
    CHECK(fresh("", "").empty());
}

TEST_CASE("words that are too long for any URL cost nothing, a base that is does not count") {
    const crawler::Scope scope{{"http://host/"}, {}};
    crawler::LinkResolver resolver{scope};
    PageLinks page{.base = "/" + std::string(200'000, 'a') + "/x"};
    for (int i = 0; i < 5'000; ++i) page.links.push_back({std::to_string(i)});
    const std::clock_t start = std::clock();
    const auto found = resolver.resolve("http://host/dir/page", page, {});
    REQUIRE(found.fresh.size() == 5'000);
    CHECK(found.fresh[7] == "http://host/dir/7");
    CHECK(std::clock() - start < 2 * CLOCKS_PER_SEC);
    CHECK(resolver.resolve_one("http://host/", {}, std::string(200'000, 'a')).empty());

    const auto before = resolver.bytes();
    page = {.links = {{"data:" + std::string(100'000, 'x')}, {"/" + std::string(3'000, 'y')}}};
    CHECK(resolver.resolve("http://host/", page, {.all = true}).all.empty());
    CHECK(resolver.bytes() == before);
}

TEST_CASE("a page with a long name and many short links leads to so many of them") {
    const crawler::Scope scope{{"http://host/"}, {}};
    const std::string name = "/" + std::string(2'000, 'a') + "/";
    for (const bool base_is_long : {true, false}) {
        crawler::LinkResolver resolver{scope};
        PageLinks page{.base = base_is_long ? name : "/"};
        for (int i = 0; i < 70'000; ++i) page.links.push_back({std::to_string(i)});
        const auto found = resolver.resolve(base_is_long ? "http://host/" : "http://host" + name, page, {});
        CHECK(found.fresh.size() > 60'000);
        CHECK(found.fresh.size() < 68'000);
    }
}

TEST_CASE("the memory of words is bounded by bytes, that of their directories, too") {
    constexpr std::size_t most = 1 << 20;
    const crawler::Scope scope{{"http://host/"}, {}};
    crawler::LinkResolver resolver{scope, most};
    std::size_t highest = 0;
    for (int i = 0; i < 3'000; ++i) {
        const std::string n = std::to_string(i);
        const std::string page = "http://host/" + n + std::string(1'500, 'd') + "/";
        const auto before = resolver.bytes();
        (void)resolver.resolve(page, {.links = {{"?x"}, {"#y"}}}, {});
        CHECK(resolver.bytes() == before);  // a directory without words is not kept
        (void)resolver.resolve(page, {.links = {{n + std::string(1'500, 'w')}, {"data:" + n}}}, {});
        CHECK(resolver.bytes() > 1'500);
        highest = std::max(highest, resolver.bytes());
    }
    CHECK(highest > most / 2);
    CHECK(highest < most + 20'000);
}

TEST_CASE("all links are there for who wants them") {
    const crawler::Scope scope{{"http://host/"}, {}};
    crawler::LinkResolver resolver{scope};
    const PageLinks page{.base = "/sub/", .links = {{"x"}, {"http://away/"}, {"mailto:a@b"}}};
    const auto untaken = resolver.resolve("http://host/a", page, {.fresh = false, .all = true});
    CHECK(untaken.all == Words{"http://host/sub/x", "http://away/"});
    CHECK(untaken.fresh.empty());
    for (int i = 0; i < 2; ++i) {
        const auto found = resolver.resolve("http://host/a", page, {.all = true});
        CHECK(found.all == Words{"http://host/sub/x", "http://away/"});
        CHECK(found.fresh.size() == (i == 0 ? 1 : 0));
    }
}

TEST_SUITE_END();
