#include <grove/http/router.hpp>

#include "http/plain_answer.hpp"
#include "http/target.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace grove::http {

namespace {

struct Route {
    std::string method;
    std::vector<std::string> names;  // of the parameters, in the order of the path
    Router::Handler handler;
};

enum class Kind { literal, parameter, rest };

struct Segment {
    Kind kind;
    std::string text;  // or the parameter's name
};

[[noreturn]] void throw_bad(std::string_view pattern, const std::string& why) {
    throw std::invalid_argument{"http: the route " + std::string{pattern} + " " + why};
}

Segment parse_segment(std::string_view pattern, std::string_view text) {
    constexpr std::string_view dots = "...";
    if (!text.starts_with('{') || !text.ends_with('}')) return {Kind::literal, std::string{text}};
    text = text.substr(1, text.size() - 2);
    const Kind kind = text.ends_with(dots) ? Kind::rest : Kind::parameter;
    if (kind == Kind::rest) text.remove_suffix(dots.size());
    if (text.empty()) throw_bad(pattern, "has a parameter without a name");
    return {kind, std::string{text}};
}

std::vector<Segment> parse_pattern(std::string_view pattern) {
    if (!pattern.starts_with('/')) throw_bad(pattern, "does not begin with '/'");
    std::vector<Segment> segments;
    std::set<std::string> names;
    for (auto left = pattern; !left.empty();) {
        left.remove_prefix(1);  // the '/'
        const auto end = std::min(left.find('/'), left.size());
        if (!segments.empty() && segments.back().kind == Kind::rest)
            throw_bad(pattern, "goes on behind a rest");
        segments.push_back(parse_segment(pattern, left.substr(0, end)));
        const auto& [kind, text] = segments.back();
        if (kind != Kind::literal && !names.insert(text).second)
            throw_bad(pattern, "has two parameters {" + text + "}");
        left.remove_prefix(end);
    }
    return segments;
}

using Segments = std::span<const std::string>;

std::string joined(Segments segments) {
    std::string path = segments.front();
    for (const auto& segment : segments.subspan(1)) path.append("/").append(segment);
    return path;
}

}  // namespace

// --- the tree -------------------------------------------------------------------------------------

/// A place in the tree of patterns: one segment leads from a node to the next.
struct Router::Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
    std::unique_ptr<Node> parameter;
    std::unique_ptr<Node> rest;
    std::vector<Route> routes;  // of patterns that end here

    Node& child(const Segment&);
    [[nodiscard]] Route* find(std::string_view method) noexcept;
};

Router::Node& Router::Node::child(const Segment& segment) {
    auto& place = segment.kind == Kind::literal     ? literals[segment.text]
                  : segment.kind == Kind::parameter ? parameter
                                                    : rest;
    if (!place) place = std::make_unique<Node>();
    return *place;
}

Route* Router::Node::find(std::string_view method) noexcept {
    const auto found = std::ranges::find(routes, method, &Route::method);
    return found == routes.end() ? nullptr : &*found;
}

namespace {

/// Looks for the best route to a path: a walk through the tree that turns back where it ends.
template <class Node>
class Search {
public:
    explicit Search(std::string_view method) : method_{method} {}

    Route* look(Node& node, Segments left) {
        if (left.empty()) return look_here(node);
        const std::string& first = left.front();
        if (const auto next = node.literals.find(first); next != node.literals.end()) {
            if (Route* found = look(*next->second, left.subspan(1))) return found;
        }
        if (node.parameter && !first.empty()) {
            if (Route* found = look_with(*node.parameter, first, left.subspan(1))) return found;
        }
        return node.rest ? look_with(*node.rest, joined(left), {}) : nullptr;
    }

    [[nodiscard]] const std::vector<std::string>& values() const noexcept { return values_; }
    /// The methods that the path has, found or not; empty if there is no such path.
    [[nodiscard]] const std::set<std::string>& methods() const noexcept { return methods_; }

private:
    Route* look_with(Node& node, std::string value, Segments left) {
        values_.push_back(std::move(value));
        Route* const found = look(node, left);
        if (!found) values_.pop_back();
        return found;
    }

    Route* look_here(Node& node) {
        for (const auto& route : node.routes) methods_.insert(route.method);
        if (Route* const found = node.find(method_)) return found;
        return method_ == "HEAD" ? node.find("GET") : nullptr;
    }

    std::string_view method_;
    std::vector<std::string> values_;
    std::set<std::string> methods_;
};

std::string allow_of(std::set<std::string> methods) {
    if (methods.contains("GET")) methods.insert("HEAD");
    methods.insert("OPTIONS");
    std::string list;
    for (const auto& method : methods) list.append(list.empty() ? "" : ", ").append(method);
    return list;
}

void refuse_method(std::string_view method, const std::set<std::string>& allowed, ResponseWriter& response) {
    response.headers.set("Allow", allow_of(allowed));
    if (method != "OPTIONS") return detail::answer_plainly(response, 405);
    response.status = 204;
    response.send({});
}

}  // namespace

// --- Router ---------------------------------------------------------------------------------------

Router::Router() : root_{std::make_unique<Node>()} {}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

Router& Router::add(std::string_view method, std::string_view pattern, Handler handler) {
    Node* node = root_.get();
    std::vector<std::string> names;
    for (const Segment& segment : parse_pattern(pattern)) {
        node = &node->child(segment);
        if (segment.kind != Kind::literal) names.push_back(segment.text);
    }
    if (node->find(method)) throw_bad(pattern, "has a handler for " + std::string{method} + " already");
    node->routes.push_back({std::string{method}, std::move(names), std::move(handler)});
    return *this;
}

Router& Router::use(Middleware middleware) {
    around_.push_back(std::move(middleware));
    return *this;
}

void Router::operator()(Request& request, ResponseWriter& response) {
    run_from(0, request, response);
}

void Router::run_from(std::size_t middleware, Request& request, ResponseWriter& response) {
    if (middleware == around_.size()) return dispatch(request, response);
    const auto go_on = [](void* router, std::size_t at, Request& in, ResponseWriter& out) {
        static_cast<Router*>(router)->run_from(at, in, out);
    };
    around_[middleware](request, response, Next{this, middleware + 1, go_on});
}

void Router::dispatch(Request& request, ResponseWriter& response) {
    request.parameters.clear();
    if (request.target == "*") return refuse_method(request.method, {}, response);
    const auto segments = detail::path_segments(request.target);
    if (!segments) return detail::answer_plainly(response, 400);

    Search<Node> search{request.method};
    Route* const route = search.look(*root_, *segments);
    if (route) {
        for (std::size_t i = 0; i < route->names.size(); ++i) {
            request.parameters.add(route->names[i], search.values()[i]);
        }
        return route->handler(request, response);
    }
    if (search.methods().empty()) return detail::answer_plainly(response, 404);
    refuse_method(request.method, search.methods(), response);
}

Server::Handler with(Middleware middleware, Server::Handler handler) {
    return [around = std::move(middleware), inner = std::move(handler)](Request& request,
                                                                        ResponseWriter& response) mutable {
        const auto go_on = [](void* next, std::size_t, Request& in, ResponseWriter& out) {
            (*static_cast<Server::Handler*>(next))(in, out);
        };
        around(request, response, Next{&inner, 0, go_on});
    };
}

}  // namespace grove::http
