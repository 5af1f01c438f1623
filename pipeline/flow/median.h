// Exact medians of a plane with sorting networks of minima and maxima, which vectorise.
#pragma once

#include <algorithm>

#include "planes.h"

inline void order(float& a, float& b) {
    const float low = std::min(a, b);
    b = std::max(a, b);
    a = low;
}

inline void sort5(float& a, float& b, float& c, float& d, float& e) {
    order(a, b); order(d, e); order(c, e); order(c, d); order(b, e);
    order(a, d); order(a, c); order(b, d); order(b, c);
}

inline void sorted_row(float* r, const float* from) {
    r[0] = from[0]; r[1] = from[1]; r[2] = from[2]; r[3] = from[3]; r[4] = from[4];
    sort5(r[0], r[1], r[2], r[3], r[4]);
}

// Exact 5x5 or 3x3 median of a plane, edges replicated. Columns are sorted once and shared by the
// windows that contain them. Then rows of equal rank are sorted. Only those of the 25 (9) values remain that
// can be the median; the compiler removes the comparisons of the others.
template <int N>
void median(float* plane, Size s, float* copy, float* sorted) {
    constexpr int R = N / 2;
    const int pitch = s.stride() + LANES, n = s.padded();
    const int m = rounded(s.w + 2 * R);
    ROUNDED(n);
    ROUNDED(m);
    for (int y = -R; y < s.h + R; ++y) {
        const float* from = plane + size_t(std::clamp(y, 0, s.h - 1)) * s.stride();
        float* to = copy + size_t(y + R) * pitch;
        std::memcpy(to + R, from, s.w * sizeof(float));
        for (int i = 0; i < R; ++i) {
            to[i] = from[0];
            to[R + s.w + i] = from[s.w - 1];
        }
    }
    for (int y = 0; y < s.h; ++y) {
        const float* in = copy + size_t(y) * pitch;
        float* c = sorted;
        float* out = plane + size_t(y) * s.stride();
        INDEPENDENT
        for (int x = 0; x < m; ++x) {
            if constexpr (N == 5) {
                float a = in[x], b = in[x + pitch], d = in[x + 2 * pitch], e = in[x + 3 * pitch],
                      f = in[x + 4 * pitch];
                sort5(a, b, d, e, f);
                c[x] = a; c[x + pitch] = b; c[x + 2 * pitch] = d; c[x + 3 * pitch] = e; c[x + 4 * pitch] = f;
            } else {
                float a = in[x], b = in[x + pitch], d = in[x + 2 * pitch];
                order(a, b); order(b, d); order(a, b);
                c[x] = a; c[x + pitch] = b; c[x + 2 * pitch] = d;
            }
        }
        INDEPENDENT
        for (int x = 0; x < n; ++x) {
            const float* at = c + x;
            if constexpr (N == 5) {
                float r[5][5];
                sorted_row(r[0], at);
                sorted_row(r[1], at + pitch);
                sorted_row(r[2], at + 2 * pitch);
                sorted_row(r[3], at + 3 * pitch);
                sorted_row(r[4], at + 4 * pitch);
                // 13 candidates stay, in ascending rows and columns; the median is their seventh.
                order(r[3][2], r[1][3]); order(r[3][2], r[4][1]); order(r[0][4], r[2][1]);
                order(r[4][0], r[3][2]); order(r[3][0], r[0][3]); order(r[3][1], r[1][2]);
                order(r[1][2], r[2][3]); order(r[1][2], r[1][4]); order(r[2][1], r[1][2]);
                order(r[3][2], r[1][2]); order(r[2][1], r[0][3]); order(r[4][0], r[0][3]);
                order(r[3][2], r[0][3]); order(r[3][2], r[2][2]); order(r[2][2], r[0][3]);
                out[x] = r[2][2];
            } else {
                const float *b = at + pitch, *d = at + 2 * pitch;
                const float low = std::max(at[0], std::max(at[1], at[2]));
                const float high = std::min(d[0], std::min(d[1], d[2]));
                float m0 = b[0], m1 = b[1];
                order(m0, m1);
                const float middle = std::max(m0, std::min(m1, b[2]));
                out[x] = std::max(std::min(low, high), std::min(std::max(low, high), middle));
            }
        }
        std::memset(out + s.w, 0, (n - s.w) * sizeof(float));
    }
}
