#include "message/edwards25519.h"

#include "base/assert.h"

namespace sbot::message::ed25519 {
namespace {

/// -121665 / 121666
constexpr Field d{
    {929955233495203, 466365720129213, 1662059464998953, 2033849074728123, 1442794654840575}};
constexpr Field twice_d{
    {1859910466990425, 932731440258426, 1072319116312658, 1815898335770999, 633789495995903}};
constexpr Field root_of_minus_one{
    {1718705420411056, 234908883556509, 2233514472574048, 2117202627021982, 765476049583133}};

/// Ready to be added, whatever its z.
struct Cached {
    Field sum, difference, z, product;
};

Cached cached(const Extended& of) {
    return {add(of.y, of.x), sub(of.y, of.x), of.z, mul(of.t, twice_d)};
}

Extended add(const Extended& left, const Cached& right) {
    Field a = mul(add(left.y, left.x), right.sum);
    Field b = mul(sub(left.y, left.x), right.difference);
    Field c = mul(left.t, right.product);
    Field z = mul(left.z, right.z);
    Field zz = add(z, z);
    return to_extended({sub(a, b), add(a, b), add(zz, c), sub(zz, c)});
}

Affine affine(const Extended& of, const Field& inverse_z) {
    Field x = mul(of.x, inverse_z);
    Field y = mul(of.y, inverse_z);
    return {{add(y, x), sub(y, x)}, mul(mul(x, y), twice_d)};
}

}  // namespace

const Extended base_point{
    {{1738742601995546, 1146398526822698, 2070867633025821, 562264141797630, 587772402128613}},
    {{1801439850948184, 1351079888211148, 450359962737049, 900719925474099, 1801439850948198}},
    one,
    {{1841354044333475, 16398895984059, 755974180946558, 900171276175154, 1821297809914039}}};

Extended add(const Extended& left, const Extended& right) { return add(left, cached(right)); }

Extended negate(const Extended& of) { return {negate(of.x), of.y, of.z, negate(of.t)}; }

Extended double_times(const Extended& of, int times) {
    SBOT_ASSERT(times > 0);
    Completed doubled = twice(without_t(of));
    for (int i = 1; i < times; ++i) doubled = twice(to_projective(doubled));
    return to_extended(doubled);
}

bool has_small_order(const Extended& of) {
    Extended eight = double_times(of, 3);
    return is_zero(eight.x) && equal(eight.y, eight.z);
}

bool is_canonical(std::span<const std::uint8_t, 32> point) {
    std::array<std::uint8_t, 32> y = encode(decode(point));
    y[31] = static_cast<std::uint8_t>(y[31] | (point[31] & 0x80));
    return std::equal(y.begin(), y.end(), point.begin());
}

std::optional<Extended> decode_point(std::span<const std::uint8_t, 32> point) {
    // x² = u/v with u = y² - 1, v = dy² + 1. The root, if there is one, is uv³(uv⁷)^((p - 5) / 8),
    // or that times the root of -1.
    Field y = decode(point);
    Field yy = square(y);
    Field u = sub(yy, one);
    Field v = add(mul(yy, d), one);
    Field uv3 = mul(u, mul(square(v), v));
    Field v4 = square(v, 2);
    Field x = mul(uv3, pow_p58(mul(uv3, v4)));
    Field vxx = mul(v, square(x));
    if (!equal(vxx, u)) {
        if (!is_zero(add(vxx, u))) return std::nullopt;
        x = mul(x, root_of_minus_one);
    }
    if (is_odd(x) != (point[31] >> 7 == 1)) x = negate(x);
    return Extended{x, y, one, mul(x, y)};
}

std::array<std::uint8_t, 32> encode_point(const Projective& of, const Field& inverse_z) {
    std::array<std::uint8_t, 32> bytes = encode(mul(of.y, inverse_z));
    if (is_odd(mul(of.x, inverse_z))) bytes[31] |= 0x80;
    return bytes;
}

void invert_all(std::span<Field> numbers) {
    std::vector<Field> before;  // the product of all before this one
    before.reserve(numbers.size());
    Field product = one;
    for (const Field& number : numbers) {
        before.push_back(product);
        product = mul(product, number);
    }
    Field inverse = invert(product);
    for (std::size_t i = numbers.size(); i-- > 0;) {
        Field here = mul(inverse, before[i]);
        inverse = mul(inverse, numbers[i]);
        numbers[i] = here;
    }
}

std::vector<Affine> odd_multiples(std::span<const Extended> points, std::size_t odd) {
    std::vector<Extended> multiples;
    multiples.reserve(points.size() * odd);
    for (const Extended& point : points) {
        Cached two = cached(double_times(point, 1));
        multiples.push_back(point);
        for (std::size_t i = 1; i < odd; ++i) multiples.push_back(add(multiples.back(), two));
    }
    std::vector<Field> inverse_z;
    inverse_z.reserve(multiples.size());
    for (const Extended& multiple : multiples) inverse_z.push_back(multiple.z);
    invert_all(inverse_z);
    std::vector<Affine> ready;
    ready.reserve(multiples.size());
    for (std::size_t i = 0; i < multiples.size(); ++i) {
        ready.push_back(affine(multiples[i], inverse_z[i]));
    }
    return ready;
}

}  // namespace sbot::message::ed25519
